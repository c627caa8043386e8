/**
 * A traced graph: tensors with static shapes that remember how they are computed. Nothing runs here. `ops.ts` builds, `gradient.ts`
 * differentiates, `onnx.ts` writes the graph down for ONNX Runtime.
 */

export type Dtype = 'float32' | 'int32' | 'int64' | 'bool';

/** Every operation. `vjp.ts` has its derivative (`gradient.ts` that of checkpoint), `emit.ts` its ONNX form; both tables are checked against this type. */
export type Op =
  | 'input'
  | 'constant'
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'pow'
  | 'minimum'
  | 'maximum'
  | 'neg'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'abs'
  | 'tanh'
  | 'sigmoid'
  | 'relu'
  | 'silu'
  | 'softplus'
  | 'erf'
  | 'sin'
  | 'cos'
  | 'stopGradient'
  | 'checkpoint'
  | 'equal'
  | 'less'
  | 'and'
  | 'or'
  | 'not'
  | 'where'
  | 'cast'
  | 'matmul'
  | 'transpose'
  | 'reshape'
  | 'broadcastTo'
  | 'concat'
  | 'slice'
  | 'pad'
  | 'gather'
  | 'scatterRows'
  | 'rearrange'
  | 'pick'
  | 'addAt'
  | 'sum'
  | 'mean'
  | 'max'
  | 'logSumExp'
  | 'softmax'
  | 'logSoftmax'
  | 'logProbAt'
  | 'attend'
  | 'rmsNorm'
  | 'rotary';

export type Attribute = number | boolean | string | readonly number[];

/** A value of the graph. Its `id` grows with creation, so sorting by id is a topological order. */
export interface Tensor {
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Row-major; [] is a scalar. */
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  /** Of a constant: its numbers. */
  readonly data?: TensorData;
}

export type TensorData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

let nextId = 0;

/** A new node; shape and dtype are the caller's to infer. */
export function node(
  op: Op,
  inputs: readonly Tensor[],
  shape: readonly number[],
  dtype: Dtype,
  attributes: Readonly<Record<string, Attribute>> = {},
  data?: TensorData,
): Tensor {
  return { id: nextId++, op, inputs, attributes, shape, dtype, data };
}

/** A value that is fed at each run, or bound to numbers when the graph is compiled (weights for decoding). */
export function input(name: string, shape: readonly number[], dtype: Dtype = 'float32'): Tensor {
  return node('input', [], shape, dtype, { name });
}

/** Numbers that are part of the graph. The dtype follows the array (Uint8Array: bool). Throws RangeError if they do not fill the shape. */
export function constant(data: TensorData, shape: readonly number[]): Tensor {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(`constant of shape [${shape}] needs ${sizeOf(shape)} numbers, got ${data.length}`);
  }
  return node('constant', [], shape, dtypeOf(data), {}, data);
}

/** A constant float32 scalar. */
export function scalar(value: number): Tensor {
  return constant(Float32Array.of(value), []);
}

/** Number of entries of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** The element type that an array stands for (Uint8Array: bool). */
export function dtypeOf(data: TensorData): Dtype {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof BigInt64Array) return 'int64';
  return 'bool';
}

/** Same rank and dimensions. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dimension, i) => dimension === b[i]);
}

/** All tensors that the outputs depend on, inputs first. What is behind `leaves` is left out. */
export function topological(outputs: readonly Tensor[], leaves?: ReadonlySet<Tensor>): Tensor[] {
  const seen = new Set<Tensor>(outputs);
  const stack = [...outputs];
  for (let tensor = stack.pop(); tensor; tensor = stack.pop()) {
    if (leaves?.has(tensor)) continue;
    for (const dependency of tensor.inputs) {
      if (!seen.has(dependency)) {
        seen.add(dependency);
        stack.push(dependency);
      }
    }
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
