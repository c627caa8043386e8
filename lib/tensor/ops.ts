/**
 * Operations on traced tensors: shapes are checked and inferred here, nothing is computed. Binary operations broadcast as NumPy does. Every
 * operation throws RangeError, naming itself and the shapes or element types, where they do not fit.
 */
import { constant, type Dtype, node, type Op, sameShape, scalar, sizeOf, type Tensor } from './graph.ts';

/** A tensor, or a number that becomes a float32 scalar. */
export type Operand = Tensor | number;

/** Elementwise a + b; a literal 0 adds no operation. Neither do - 0, · 1 and / 1 below. */
export const add = (a: Operand, b: Operand): Tensor =>
  isNumber(b, 0) ? tensorOf(a) : isNumber(a, 0) ? tensorOf(b) : binary('add', a, b);
export const sub = (a: Operand, b: Operand): Tensor => (isNumber(b, 0) ? tensorOf(a) : binary('sub', a, b));
export const mul = (a: Operand, b: Operand): Tensor =>
  isNumber(b, 1) ? tensorOf(a) : isNumber(a, 1) ? tensorOf(b) : binary('mul', a, b);
export const div = (a: Operand, b: Operand): Tensor => (isNumber(b, 1) ? tensorOf(a) : binary('div', a, b));
/** a^b. The gradient of b needs a > 0. */
export const pow = (a: Operand, b: Operand): Tensor => binary('pow', a, b);
/** Elementwise smaller, and larger; where equal, the gradient is halved between both, as PyTorch does. */
export const minimum = (a: Operand, b: Operand): Tensor => binary('minimum', a, b);
export const maximum = (a: Operand, b: Operand): Tensor => binary('maximum', a, b);

/** Elementwise, here and below: [...] → [...]. Outside its domain (log, sqrt) an entry is NaN, as in IEEE 754. */
export const neg = (x: Tensor): Tensor => unary('neg', x);
export const exp = (x: Tensor): Tensor => unary('exp', x);
export const log = (x: Tensor): Tensor => unary('log', x);
export const sqrt = (x: Tensor): Tensor => unary('sqrt', x);
export const abs = (x: Tensor): Tensor => unary('abs', x);
export const tanh = (x: Tensor): Tensor => unary('tanh', x);
export const sigmoid = (x: Tensor): Tensor => unary('sigmoid', x);
export const relu = (x: Tensor): Tensor => unary('relu', x);
/** x · sigmoid(x). */
export const silu = (x: Tensor): Tensor => unary('silu', x);
/** log(1 + eˣ). */
export const softplus = (x: Tensor): Tensor => unary('softplus', x);
export const erf = (x: Tensor): Tensor => unary('erf', x);
export const sin = (x: Tensor): Tensor => unary('sin', x);
export const cos = (x: Tensor): Tensor => unary('cos', x);
/** The same value, through which no gradient flows. */
export const stopGradient = (x: Tensor): Tensor => unary('stopGradient', x);

/**
 * The same value, whose parts are not kept for the gradient: they are computed again there, from `boundary`, which must hold everything
 * between `y` and what it is differentiated by (activations and parameters alike). Trades a second forward pass for memory. Chen et al. 2016.
 */
export function checkpoint(y: Tensor, boundary: readonly Tensor[]): Tensor {
  return node('checkpoint', [y, ...boundary], y.shape, y.dtype);
}

/** Comparisons and logic: bool entries, through which no gradient flows. */
export const equal = (a: Operand, b: Operand): Tensor => binary('equal', a, b, 'bool');
export const less = (a: Operand, b: Operand): Tensor => binary('less', a, b, 'bool');
export const and = (a: Tensor, b: Tensor): Tensor => binary('and', a, b, 'bool');
export const or = (a: Tensor, b: Tensor): Tensor => binary('or', a, b, 'bool');
export const not = (x: Tensor): Tensor => node('not', [x], x.shape, 'bool');

/** `a` where the condition holds, else `b`; all three broadcast. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const [whenTrue, whenFalse] = [tensorOf(a), tensorOf(b)];
  const shape = broadcast('where', condition.shape, broadcast('where', whenTrue.shape, whenFalse.shape));
  return node('where', [condition, whenTrue, whenFalse], shape, whenTrue.dtype);
}

/** Another element type; to an integer by truncation. No gradient flows through it. */
export function cast(x: Tensor, dtype: Dtype): Tensor {
  return x.dtype === dtype ? x : node('cast', [x], x.shape, dtype, { dtype });
}

/** [..., m, k] × [..., k, n] → [..., m, n]; leading dimensions broadcast. transA and transB swap the last two dimensions first; `scale` multiplies the product. */
export function matmul(
  a: Tensor,
  b: Tensor,
  { transA = false, transB = false, scale = 1 }: { transA?: boolean; transB?: boolean; scale?: number } = {},
): Tensor {
  if (a.shape.length < 2 || b.shape.length < 2) throw shapeError('matmul', a.shape, b.shape);
  const [m, k] = transA ? [a.shape.at(-1), a.shape.at(-2)] : [a.shape.at(-2), a.shape.at(-1)];
  const [k2, n] = transB ? [b.shape.at(-1), b.shape.at(-2)] : [b.shape.at(-2), b.shape.at(-1)];
  if (k !== k2 || m === undefined || n === undefined) throw shapeError('matmul', a.shape, b.shape);
  const shape = [...broadcast('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n];
  return node('matmul', [a, b], shape, 'float32', { transA, transB, scale });
}

/** Output dimension i is input dimension permutation[i]. */
export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  if (permutation.length !== x.shape.length) throw shapeError('transpose', x.shape, permutation);
  if (permutation.every((axis, i) => axis === i)) return x;
  if (x.op === 'transpose') {
    const first = x.attributes.permutation as readonly number[];
    return transpose(
      x.inputs[0],
      permutation.map((axis) => first[axis]),
    );
  }
  const shape = permutation.map((axis) => x.shape[axis]);
  return node('transpose', [x], shape, x.dtype, { permutation });
}

/** Same numbers, other shape; one dimension may be -1. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const known = sizeOf(shape.filter((dimension) => dimension !== -1));
  const full = shape.map((dimension) => (dimension === -1 ? sizeOf(x.shape) / known : dimension));
  if (sizeOf(full) !== sizeOf(x.shape)) throw shapeError('reshape', x.shape, shape);
  if (sameShape(full, x.shape)) return x;
  const source = x.op === 'reshape' ? x.inputs[0] : x;
  if (sameShape(full, source.shape)) return source;
  return node('reshape', [source], full, x.dtype);
}

/** Repeated along dimensions of 1 and new leading ones. */
export function broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (!sameShape(broadcast('broadcastTo', x.shape, shape), shape)) throw shapeError('broadcastTo', x.shape, shape);
  return node('broadcastTo', [x], shape, x.dtype);
}

/** Parts one after another along an axis; their other dimensions are equal. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  if (parts.length === 1) return parts[0];
  const at = axisOf(axis, parts[0].shape);
  const shape = [...parts[0].shape];
  shape[at] = parts.reduce((total, part) => total + part.shape[at], 0);
  for (const part of parts) {
    if (part.shape.length !== shape.length || part.shape.some((n, i) => i !== at && n !== shape[i])) {
      throw shapeError('concat', parts[0].shape, part.shape);
    }
  }
  return node('concat', parts, shape, parts[0].dtype, { axis: at });
}

/** Entries [start, end) of one axis. */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const at = axisOf(axis, x.shape);
  if (start < 0 || end > x.shape[at] || start >= end)
    throw shapeError(`slice ${start}:${end} of axis ${at} of`, x.shape);
  if (start === 0 && end === x.shape[at]) return x;
  const shape = x.shape.map((n, i) => (i === at ? end - start : n));
  return node('slice', [x], shape, x.dtype, { axis: at, start, end });
}

/** Zeros before and after along one axis. */
export function pad(x: Tensor, axis: number, before: number, after: number): Tensor {
  const at = axisOf(axis, x.shape);
  if (before === 0 && after === 0) return x;
  const shape = x.shape.map((n, i) => (i === at ? n + before + after : n));
  return node('pad', [x], shape, x.dtype, { axis: at, before, after });
}

/** Rows of a table: [rows, ...rest] at int indices [...indices] → [...indices, ...rest]. An embedding. */
export function gather(table: Tensor, indices: Tensor): Tensor {
  if (table.shape.length < 1 || !isInteger(indices)) throw shapeError('gather', table.shape, indices.shape);
  return node('gather', [table, indices], [...indices.shape, ...table.shape.slice(1)], table.dtype);
}

/** Sums rows into a table of zeros: [...indices, width] at int indices [...indices] → [rows, width]. The transpose of `gather`. */
export function scatterRows(updates: Tensor, indices: Tensor, rows: number): Tensor {
  const width = sizeOf(updates.shape) / sizeOf(indices.shape);
  const flat = reshape(updates, [-1, width]);
  return node('scatterRows', [flat, reshape(indices, [-1])], [rows, width], updates.dtype, { rows });
}

/**
 * Rows moved to other places: [rows, width] at int `from` [places] → [places, width], zeros where it is -1. No row goes to two places, and
 * `to` [rows] says where each went, -1 where nowhere: so the derivative is a rearrangement too.
 */
export function rearrange(x: Tensor, from: Tensor, to: Tensor): Tensor {
  if (x.shape.length !== 2 || to.shape.length !== 1 || from.shape.length !== 1 || to.shape[0] !== x.shape[0]) {
    throw shapeError('rearrange', x.shape, from.shape, to.shape);
  }
  return node('rearrange', [x, from, to], [from.shape[0], x.shape[1]], x.dtype);
}

/** One entry of the last axis for each row: [..., n] at int indices [...] → [...]. */
export function pick(x: Tensor, indices: Tensor): Tensor {
  if (!sameShape(x.shape.slice(0, -1), indices.shape) || !isInteger(indices))
    throw shapeError('pick', x.shape, indices.shape);
  return node('pick', [x, indices], indices.shape, x.dtype);
}

/** Adds each value to one entry of the last axis of `base`: [..., n], values and int indices [...] → [..., n]. With a base of zeros, the transpose of `pick`. */
export function addAt(base: Tensor, values: Tensor, indices: Tensor): Tensor {
  if (!sameShape(values.shape, indices.shape) || !sameShape(base.shape.slice(0, -1), indices.shape)) {
    throw shapeError('addAt', base.shape, values.shape, indices.shape);
  }
  return node('addAt', [base, values, indices], base.shape, base.dtype);
}

/** Log-probability of one entry a row: logSoftmax(logits) [..., n] at int indices [...] → [...]. One operation, since its derivative saves passes over the logits. */
export function logProbAt(logits: Tensor, indices: Tensor): Tensor {
  return node('logProbAt', [logits, indices], pick(logits, indices).shape, 'float32');
}

/** Over the given axes (default: all), which go, or stay as dimensions of 1 with `keep`. */
export const sum = (x: Tensor, axes?: readonly number[], keep = false): Tensor => reduce('sum', x, axes, keep);
export const mean = (x: Tensor, axes?: readonly number[], keep = false): Tensor => reduce('mean', x, axes, keep);
/** Largest entry; equal ones share the gradient. */
export const max = (x: Tensor, axes?: readonly number[], keep = false): Tensor => reduce('max', x, axes, keep);
/** log Σ exp over the last axis, kept as a dimension of 1. */
export const logSumExp = (x: Tensor): Tensor => node('logSumExp', [x], [...x.shape.slice(0, -1), 1], 'float32');
/** Over the last axis: [..., n] → [..., n]. */
export const softmax = (x: Tensor): Tensor => unary('softmax', x);
export const logSoftmax = (x: Tensor): Tensor => unary('logSoftmax', x);

/** softmax(scores) × values: [..., m, n] × [..., n, d] → [..., m, d], the same leading dimensions. One operation, since its derivative is cheaper than that of its parts. */
export function attend(scores: Tensor, values: Tensor): Tensor {
  const lead = scores.shape.slice(0, -1);
  if (!sameShape(lead.slice(0, -1), values.shape.slice(0, -2)) || scores.shape.at(-1) !== values.shape.at(-2)) {
    throw shapeError('attend', scores.shape, values.shape);
  }
  return node('attend', [scores, values], [...lead, values.shape[values.shape.length - 1]], 'float32');
}

/** x / √(mean(x²) + ε) · weight over the last axis. Zhang and Sennrich 2019. */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  if (weight.shape.length !== 1 || weight.shape[0] !== x.shape.at(-1))
    throw shapeError('rmsNorm', x.shape, weight.shape);
  return node('rmsNorm', [x, weight], x.shape, 'float32', { epsilon });
}

/**
 * Rotary position embedding, halves convention (Su et al. 2021, as in Transformers): x [batch, time, heads · headDim], int positions
 * [batch, time], cosine and sine tables [positions, headDim / 2].
 */
export function rotary(x: Tensor, positions: Tensor, cosine: Tensor, sine: Tensor): Tensor {
  const half = cosine.shape[1];
  const width = x.shape[2];
  if (x.shape.length !== 3 || width % (2 * half) !== 0 || !sameShape(positions.shape, x.shape.slice(0, 2))) {
    throw shapeError('rotary', x.shape, positions.shape, cosine.shape);
  }
  return node('rotary', [x, positions, cosine, sine], x.shape, 'float32', { heads: width / (2 * half) });
}

/** Zeros of a shape. */
export function zeros(shape: readonly number[]): Tensor {
  return broadcastTo(scalar(0), shape);
}

/** 0, 1, 2 … n - 1 as int32. */
export function range(n: number): Tensor {
  return constant(
    Int32Array.from({ length: n }, (_, i) => i),
    [n],
  );
}

/** The shape of two broadcast together. Throws RangeError when they do not fit. */
export function broadcast(op: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[a.length - rank + i] ?? 1;
    const right = b[b.length - rank + i] ?? 1;
    if (left !== right && left !== 1 && right !== 1) throw shapeError(op, a, b);
    return left === 1 ? right : left;
  });
}

function unary(op: Op, x: Tensor): Tensor {
  return node(op, [x], x.shape, x.dtype);
}

function binary(op: Op, a: Operand, b: Operand, dtype?: Dtype): Tensor {
  const like = typeof a === 'number' ? (typeof b === 'number' ? undefined : b.dtype) : a.dtype;
  const [left, right] = [tensorOf(a, like), tensorOf(b, like)];
  if (left.dtype !== right.dtype) throw new RangeError(`${op} of ${left.dtype} and ${right.dtype}: cast one of them`);
  return node(op, [left, right], broadcast(op, left.shape, right.shape), dtype ?? left.dtype);
}

function reduce(op: 'sum' | 'mean' | 'max', x: Tensor, axes: readonly number[] | undefined, keep: boolean): Tensor {
  const over = (axes ?? x.shape.map((_, i) => i)).map((axis) => axisOf(axis, x.shape)).sort((a, b) => a - b);
  if (over.length === 0) return x;
  const shape = x.shape.flatMap((n, i) => (over.includes(i) ? (keep ? [1] : []) : [n]));
  return node(op, [x], shape, x.dtype, { axes: over, keep });
}

function tensorOf(operand: Operand, dtype: Dtype = 'float32'): Tensor {
  if (typeof operand !== 'number') return operand;
  if (dtype === 'int32') return constant(Int32Array.of(operand), []);
  if (dtype === 'int64') return constant(BigInt64Array.of(BigInt(operand)), []);
  return scalar(operand);
}

function isNumber(operand: Operand, value: number): boolean {
  return operand === value;
}

function isInteger(x: Tensor): boolean {
  return x.dtype === 'int32' || x.dtype === 'int64';
}

function axisOf(axis: number, shape: readonly number[]): number {
  const at = axis < 0 ? axis + shape.length : axis;
  if (at < 0 || at >= shape.length) throw shapeError(`axis ${axis} of`, shape);
  return at;
}

function shapeError(op: string, ...shapes: (readonly number[])[]): RangeError {
  return new RangeError(`${op} ${shapes.map((shape) => `[${shape}]`).join(' and ')}: shapes do not fit`);
}
