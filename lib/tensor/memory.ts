/**
 * What running a graph takes, told before anything is compiled. The graph is written down as for ONNX Runtime (onnx.ts), but only the sizes
 * of its values are kept. Then its memory plan is followed: nodes in its order; a buffer whose value nobody reads any more is given to the
 * next value of the same shape, and freed after the last value that lies in it. Measured against resident memory in docs/performance.md.
 */
import { emitters } from './emit.ts';
import { type Dtype, dtypeOf, sizeOf, type Tensor, type TensorData, topological } from './graph.ts';
import { keyOfConstant, type Writer } from './onnx.ts';

/** A value of the ONNX graph. */
interface Value {
  shape: readonly number[];
  /** Bytes of an entry. */
  width: number;
  /** The node that makes it, and what that reads; null of what is fed or a constant. */
  type: string | null;
  inputs: readonly string[];
  /** Known when it is compiled: it depends on nothing that is fed. */
  isConstant: boolean;
}

type Values = ReadonlyMap<string, Value>;

const widths: Record<Dtype, number> = { float32: 4, int32: 4, int64: 8, bool: 1 };

/** Nodes whose result lies where their input lies. */
const views: ReadonlySet<string> = new Set(['Reshape', 'Unsqueeze', 'Squeeze']);

/** Bytes that a run holds at most beside what it is fed: its outputs among them, and constants that are computed when it is compiled. */
export function peakBytes(outputs: readonly Tensor[]): number {
  const { values, results } = sketch(outputs);
  const order = executionOrder(values);
  const constants = foldedBytes(values);
  const changes = new Float64Array(order.length + 1);
  for (const { bytes, from, to } of buffers(values, order, results)) {
    changes[from] += bytes;
    if (to < order.length) changes[to + 1] -= bytes;
  }
  let held = constants;
  let peak = constants;
  for (const change of changes) {
    held += change;
    peak = Math.max(peak, held);
  }
  return peak;
}

/** All values as toOnnx would write them, in the same order, by name. */
function sketch(outputs: readonly Tensor[]): { values: Values; results: ReadonlySet<string> } {
  const values = new Map<string, Value>();
  const names = new Map<Tensor, string>();
  const known = new Map<string, string>();
  const vectors = new Map<string, readonly number[]>();
  const once = (key: string, value: () => Value): string => {
    const name = known.get(key) ?? `v${known.size}`;
    if (!known.has(key)) values.set(name, value());
    known.set(key, name);
    return name;
  };
  const fixed = (shape: readonly number[], dtype: Dtype, isConstant: boolean): Value => {
    return { shape, width: widths[dtype], type: null, inputs: [], isConstant };
  };
  const shapeOf = (type: string, inputs: readonly string[]): readonly number[] => {
    const [first, second] = inputs.map((name) => (values.get(name) as Value).shape);
    if (type === 'Expand') return vectors.get(inputs[1]) as readonly number[];
    if (type === 'Gather') return [...second, ...first.slice(1)];
    return type === 'GatherElements' ? second : first;
  };
  const writer: Writer = {
    node: (type, inputs, attributes = {}, domain = '') =>
      once(JSON.stringify([domain, type, inputs, attributes]), () => ({
        shape: shapeOf(type, inputs),
        width: (values.get(inputs[0]) as Value).width,
        type,
        inputs,
        isConstant: inputs.every((name) => values.get(name)?.isConstant),
      })),
    constant: (data, shape) =>
      once(keyOfConstant(data, shape) ?? `large ${known.size}`, () => fixed(shape, dtypeOf(data), true)),
    ints: (numbers) => {
      const name = writer.constant(BigInt64Array.from(numbers, BigInt), [numbers.length]);
      vectors.set(name, numbers);
      return name;
    },
  };
  const write = (tensor: Tensor): string => {
    const { op, inputs, attributes, shape, dtype } = tensor;
    if (op === 'constant') return writer.constant(tensor.data as TensorData, shape);
    if (op === 'input') return once(`fed ${attributes.name}`, () => fixed(shape, dtype, false));
    const from = inputs.map((dependency) => names.get(dependency) as string);
    const name = emitters[op](writer, tensor, from);
    // What nodes inside an operation make is told by their type; what the operation makes, by the tensor.
    if (!from.includes(name)) Object.assign(values.get(name) as Value, { shape, width: widths[dtype] });
    return name;
  };
  for (const tensor of topological(outputs)) names.set(tensor, write(tensor));
  return { values, results: new Set(outputs.map((tensor) => names.get(tensor) as string)) };
}

/**
 * The names of computed values in the order in which ONNX Runtime computes them, the nodes being written last first: depth first, the
 * earliest written first, each as late as its first reader allows.
 */
function executionOrder(values: Values): string[] {
  const isComputed = (name: string): boolean => {
    const value = values.get(name) as Value;
    return value.type !== null && !value.isConstant;
  };
  const place = new Map([...values.keys()].map((name, i) => [name, i]));
  const latestFirst = (names: Iterable<string>): string[] =>
    [...names].filter(isComputed).sort((a, b) => (place.get(b) as number) - (place.get(a) as number));
  const read = new Set([...values.values()].flatMap(({ inputs }) => inputs));
  const order: string[] = [];
  const begun = new Set<string>();
  const done = new Set<string>();
  const stack = latestFirst([...values.keys()].filter((name) => !read.has(name)));
  for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
    if (done.has(name)) continue;
    if (begun.has(name)) {
      done.add(name);
      order.push(name);
      continue;
    }
    begun.add(name);
    stack.push(name, ...latestFirst(new Set((values.get(name) as Value).inputs)).filter((one) => !begun.has(one)));
  }
  return order;
}

/** Memory of one value after another; `from` and `to` are places in the order, both included. */
interface Held {
  bytes: number;
  kind: string;
  from: number;
  to: number;
}

function buffers(values: Values, order: readonly string[], results: ReadonlySet<string>): Held[] {
  const at = new Map<string, Held>();
  const all: Held[] = [];
  const free: Held[] = [];
  const readers = new Map<Held, number>();
  const counts = new Map<string, number>();
  for (const name of order) {
    for (const one of new Set((values.get(name) as Value).inputs)) counts.set(one, (counts.get(one) ?? 0) + 1);
  }
  order.forEach((name, now) => {
    const { type, shape, width, inputs } = values.get(name) as Value;
    const isResult = results.has(name);
    const kind = `${width} ${shape}`;
    const shared = views.has(type as string) && !isResult ? at.get(inputs[0]) : undefined;
    const reused = shared ?? (isResult ? undefined : taken(free, kind));
    const buffer = reused ?? { bytes: sizeOf(shape) * width, kind, from: now, to: now };
    if (!reused) all.push(buffer);
    buffer.to = isResult ? order.length : Math.max(buffer.to, now);
    at.set(name, buffer);
    readers.set(buffer, (readers.get(buffer) ?? 0) + (counts.get(name) ?? 0) + (isResult ? 1 : 0));
    for (const one of new Set(inputs)) {
      const source = at.get(one);
      if (!source) continue;
      source.to = Math.max(source.to, now);
      const left = (readers.get(source) as number) - 1;
      readers.set(source, left);
      if (left === 0) free.unshift(source);
    }
  });
  return all;
}

function taken(free: Held[], kind: string): Held | undefined {
  const i = free.findIndex((buffer) => buffer.kind === kind);
  return i < 0 ? undefined : free.splice(i, 1)[0];
}

/** Bytes of what is computed when the graph is compiled and read when it runs. */
function foldedBytes(values: Values): number {
  const kept = new Set<string>();
  for (const { inputs, isConstant } of values.values()) {
    if (!isConstant) for (const name of inputs) if (values.get(name)?.isConstant) kept.add(name);
  }
  let bytes = 0;
  for (const name of kept) {
    const { shape, width } = values.get(name) as Value;
    bytes += sizeOf(shape) * width;
  }
  return bytes;
}
