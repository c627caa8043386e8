/**
 * Vector-Jacobian products: for each operation, the gradients of its inputs from the gradient `g` of its output `y`. A rule may return a
 * gradient in the broadcast shape; the driver (gradient.ts) sums it back. Null: no gradient flows there.
 */
import type { Op, Tensor } from './graph.ts';
import {
  add,
  addAt,
  broadcastTo,
  cast,
  cos,
  div,
  equal,
  exp,
  gather,
  less,
  log,
  matmul,
  mean,
  mul,
  neg,
  pad,
  pick,
  pow,
  rearrange,
  reshape,
  rotary,
  scatterRows,
  sigmoid,
  sin,
  slice,
  softmax,
  sub,
  sum,
  transpose,
  where,
  zeros,
} from './ops.ts';

export type Vjp = (y: Tensor, g: Tensor) => (Tensor | null)[];

/** Every operation but `checkpoint`, whose rule is the driver's: it differentiates a copy of a part of the graph. */
export const vjp: Record<Exclude<Op, 'checkpoint'>, Vjp> = {
  input: () => [],
  constant: () => [],
  stopGradient: () => [null],
  equal: () => [null, null],
  less: () => [null, null],
  and: () => [null, null],
  or: () => [null, null],
  not: () => [null],
  cast: () => [null],

  add: (_, g) => [g, g],
  sub: (_, g) => [g, neg(g)],
  mul: ({ inputs: [a, b] }, g) => (a === b ? [mul(mul(g, a), 2), null] : [mul(g, b), mul(g, a)]),
  div: (y, g) => {
    const [, b] = y.inputs;
    const ga = div(g, b);
    return [ga, neg(mul(ga, y))];
  },
  pow: (y, g) => {
    const [a, b] = y.inputs;
    return [mul(g, mul(b, pow(a, sub(b, 1)))), mul(mul(g, y), log(a))];
  },
  minimum: ({ inputs: [a, b] }, g) => [mul(g, preferred(a, b)), mul(g, preferred(b, a))],
  maximum: ({ inputs: [a, b] }, g) => [mul(g, preferred(b, a)), mul(g, preferred(a, b))],

  neg: (_, g) => [neg(g)],
  exp: (y, g) => [mul(g, y)],
  log: ({ inputs: [x] }, g) => [div(g, x)],
  sqrt: (y, g) => [div(mul(g, 0.5), y)],
  abs: ({ inputs: [x] }, g) => [where(less(x, 0), neg(g), g)],
  tanh: (y, g) => [mul(g, sub(1, mul(y, y)))],
  sigmoid: (y, g) => [mul(g, mul(y, sub(1, y)))],
  relu: (y, g) => [where(less(0, y), g, 0)],
  silu: (y, g) => {
    const gate = sigmoid(y.inputs[0]);
    return [mul(g, add(gate, mul(y, sub(1, gate))))];
  },
  softplus: ({ inputs: [x] }, g) => [mul(g, sigmoid(x))],
  erf: ({ inputs: [x] }, g) => [mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))],
  sin: ({ inputs: [x] }, g) => [mul(g, cos(x))],
  cos: ({ inputs: [x] }, g) => [neg(mul(g, sin(x)))],
  where: ({ inputs: [condition] }, g) => [null, where(condition, g, 0), where(condition, 0, g)],

  matmul: (y, g) => matmulVjp(y, g),
  transpose: ({ attributes }, g) => {
    const permutation = attributes.permutation as readonly number[];
    return [
      transpose(
        g,
        permutation.map((_, i) => permutation.indexOf(i)),
      ),
    ];
  },
  reshape: ({ inputs: [x] }, g) => [reshape(g, x.shape)],
  broadcastTo: (_, g) => [g],
  concat: ({ inputs, attributes }, g) => {
    const axis = attributes.axis as number;
    let start = 0;
    return inputs.map((part) => {
      const end = start + part.shape[axis];
      const own = slice(g, axis, start, end);
      start = end;
      return own;
    });
  },
  slice: ({ inputs: [x], attributes }, g) => {
    const { axis, start, end } = attributes as { axis: number; start: number; end: number };
    return [pad(g, axis, start, x.shape[axis] - end)];
  },
  pad: ({ inputs: [x], attributes }, g) => {
    const { axis, before } = attributes as { axis: number; before: number };
    return [slice(g, axis, before, before + x.shape[axis])];
  },
  gather: ({ inputs: [table, indices] }, g) => [reshape(scatterRows(g, indices, table.shape[0]), table.shape), null],
  scatterRows: ({ inputs: [, indices] }, g) => [gather(g, indices), null],
  rearrange: ({ inputs: [, from, to] }, g) => [rearrange(g, to, from), null, null],
  pick: ({ inputs: [x, indices] }, g) => [addAt(zeros(x.shape), g, indices), null],
  addAt: ({ inputs: [, , indices] }, g) => [g, pick(g, indices), null],

  sum: (y, g) => [broadcastTo(kept(y, g), y.inputs[0].shape)],
  mean: (y, g) => {
    const count = y.inputs[0].shape.reduce((n, d) => n * d, 1) / y.shape.reduce((n, d) => n * d, 1);
    return [broadcastTo(kept(y, mul(g, 1 / count)), y.inputs[0].shape)];
  },
  max: (y, g) => {
    const [x] = y.inputs;
    const hit = cast(equal(x, kept(y, y)), 'float32');
    return [mul(hit, div(kept(y, g), sum(hit, y.attributes.axes as number[], true)))];
  },
  logSumExp: ({ inputs: [x] }, g) => [mul(softmax(x), g)],
  softmax: (y, g) => [mul(y, sub(g, sum(mul(g, y), [-1], true)))],
  logSoftmax: (y, g) => [sub(g, mul(softmax(y.inputs[0]), sum(g, [-1], true)))],
  logProbAt: ({ inputs: [x, indices] }, g) => {
    const spread = mul(softmax(x), neg(reshape(g, [...g.shape, 1])));
    return [addAt(spread, g, indices), null];
  },
  // Σ_j p_ij g_i·v_j = g_i·y_i: the row sums come from the small output instead of the large scores.
  attend: (y, g) => {
    const [scores, values] = y.inputs;
    const p = softmax(scores);
    const gp = matmul(g, values, { transB: true });
    return [mul(p, sub(gp, sum(mul(g, y), [-1], true))), transposedProduct(p, g)];
  },
  rmsNorm: ({ inputs: [x, weight], attributes }, g) => {
    const inverse = pow(add(mean(mul(x, x), [-1], true), attributes.epsilon as number), -0.5);
    const unit = mul(x, inverse);
    const gu = mul(g, weight);
    return [mul(sub(gu, mul(unit, mean(mul(gu, unit), [-1], true))), inverse), mul(g, unit)];
  },
  // A rotation: its transpose turns the other way.
  rotary: ({ inputs: [, positions, cosine, sine] }, g) => [rotary(g, positions, cosine, neg(sine)), null, null, null],
};

/** 1 where a < b, ½ where equal, else 0. */
function preferred(a: Tensor, b: Tensor): Tensor {
  return where(less(a, b), 1, where(equal(a, b), 0.5, 0));
}

/** The reduced gradient with its reduced axes as dimensions of 1. */
function kept(y: Tensor, g: Tensor): Tensor {
  const axes = y.attributes.axes as readonly number[];
  return reshape(
    g,
    y.inputs[0].shape.map((n, i) => (axes.includes(i) ? 1 : n)),
  );
}

/** With a plain matrix on the right, leading dimensions of the left are rows: one large product instead of many that are summed. */
function matmulVjp(y: Tensor, g: Tensor): Tensor[] {
  const [a, b] = y.inputs;
  const { transA, transB, scale } = y.attributes as { transA: boolean; transB: boolean; scale: number };
  if (a.shape.length > 2 && b.shape.length === 2 && !transA) {
    const rows = reshape(a, [-1, a.shape[a.shape.length - 1]]);
    const flat = reshape(g, [-1, g.shape[g.shape.length - 1]]);
    return [
      matmul(g, b, { transB: !transB, scale }),
      transB ? matmul(flat, rows, { transA: true, scale }) : matmul(rows, flat, { transA: true, scale }),
    ];
  }
  const ofB = (): Tensor => {
    if (transB) return transA ? matmul(g, a, { transA: true, transB: true, scale }) : transposedProduct(g, a, scale);
    return transA ? matmul(a, g, { scale }) : transposedProduct(a, g, scale);
  };
  return [
    transA ? matmul(b, g, { transA: transB, transB: true, scale }) : matmul(g, b, { transB: !transB, scale }),
    ofB(),
  ];
}

/**
 * aᵀb, by way of (bᵀa)ᵀ where b is narrow: ONNX Runtime is a third faster with the wide matrix on the right; of two dimensions (which take
 * another kernel) a sixth, where a is a table's. The numbers are the same to the bit.
 */
function transposedProduct(a: Tensor, b: Tensor, scale = 1): Tensor {
  const [wide, narrow] = [a.shape[a.shape.length - 1], b.shape[b.shape.length - 1]];
  const isTable = wide >= 2048 && narrow * 8 <= wide;
  if (a.shape.length === 2 ? !isTable : narrow * 2 > wide) return matmul(a, b, { transA: true, scale });
  const product = matmul(b, a, { transA: true, scale });
  // In three dimensions: the runtime would take a transpose of two back into the product.
  if (a.shape.length === 2) return reshape(transpose(reshape(product, [1, narrow, wide]), [0, 2, 1]), [wide, narrow]);
  const rank = product.shape.length;
  return transpose(
    product,
    product.shape.map((_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i)),
  );
}
