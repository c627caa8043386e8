/** The ONNX form of each operation: standard operators of opset 21, and where ONNX Runtime has a faster kernel, its contrib ones. */
import type { Op, Tensor } from './graph.ts';
import { onnxTypes } from './element-types.ts';
import type { Writer } from './onnx.ts';

/** Writes an operation on named inputs; returns the name of its value. */
export type Emitter = (writer: Writer, tensor: Tensor, inputs: readonly string[]) => string;

const contrib = 'com.microsoft';

/** Every operation but inputs and constants, which `toOnnx` writes itself. */
export const emitters: Record<Exclude<Op, 'input' | 'constant'>, Emitter> = {
  add: plain('Add'),
  sub: plain('Sub'),
  mul: plain('Mul'),
  div: plain('Div'),
  pow: plain('Pow'),
  minimum: plain('Min'),
  maximum: plain('Max'),
  neg: plain('Neg'),
  exp: plain('Exp'),
  log: plain('Log'),
  sqrt: plain('Sqrt'),
  abs: plain('Abs'),
  tanh: plain('Tanh'),
  sigmoid: plain('Sigmoid'),
  relu: plain('Relu'),
  silu: (writer, _, inputs) => writer.node('QuickGelu', inputs, { alpha: { float: 1 } }, contrib),
  softplus: plain('Softplus'),
  erf: plain('Erf'),
  sin: plain('Sin'),
  cos: plain('Cos'),
  stopGradient: (_, __, [x]) => x,
  checkpoint: (_, __, [y]) => y,
  equal: plain('Equal'),
  less: plain('Less'),
  and: plain('And'),
  or: plain('Or'),
  not: plain('Not'),
  where: plain('Where'),
  cast: (writer, { dtype }, inputs) => writer.node('Cast', inputs, { to: onnxTypes[dtype] }),

  matmul: (writer, { attributes, inputs: [a, b] }, inputs) => {
    const [transA, transB, scale] = [Number(attributes.transA), Number(attributes.transB), attributes.scale as number];
    if (a.shape.length === 2 && b.shape.length === 2) {
      return writer.node('Gemm', inputs, { alpha: { float: scale }, transA, transB });
    }
    if (!transA && !transB && scale === 1) return writer.node('MatMul', inputs);
    return writer.node('FusedMatMul', inputs, { alpha: { float: scale }, transA, transB }, contrib);
  },
  transpose: (writer, { attributes }, inputs) =>
    writer.node('Transpose', inputs, { perm: attributes.permutation as number[] }),
  reshape: (writer, { shape }, [x]) => writer.node('Reshape', [x, writer.ints(shape)]),
  broadcastTo: (writer, { shape }, [x]) => writer.node('Expand', [x, writer.ints(shape)]),
  concat: (writer, { attributes }, inputs) => writer.node('Concat', inputs, { axis: attributes.axis as number }),
  slice: (writer, { attributes }, [x]) => {
    const { axis, start, end } = attributes as { axis: number; start: number; end: number };
    return writer.node('Slice', [x, writer.ints([start]), writer.ints([end]), writer.ints([axis])]);
  },
  pad: (writer, { attributes, shape }, [x]) => {
    const { axis, before, after } = attributes as { axis: number; before: number; after: number };
    const pads = [before, after].flatMap((n) => shape.map((_, i) => (i === axis ? n : 0)));
    return writer.node('Pad', [x, writer.ints(pads)]);
  },
  gather: (writer, _, inputs) => writer.node('Gather', inputs, { axis: 0 }),
  // ScatterND would do, but its threads race on equal indices (1.30); ScatterElements runs in order.
  scatterRows: (writer, { shape, inputs: [updates] }, [values, indices]) => {
    const column = writer.node('Unsqueeze', [indices, writer.ints([1])]);
    const at = writer.node('Expand', [column, writer.ints(updates.shape)]);
    // A zero that is not known before the run: constants of a table's size would be held as long as the session.
    const first = writer.node('Slice', [indices, writer.ints([0]), writer.ints([1]), writer.ints([0])]);
    const zero = writer.node('Cast', [writer.node('Sub', [first, first])], { to: onnxTypes.float32 });
    const base = writer.node('Expand', [zero, writer.ints(shape)]);
    return writer.node('ScatterElements', [base, at, values], { axis: 0, reduction: 'add' });
  },
  rearrange: (writer, _, [x, from]) => {
    const isPlace = writer.node('GreaterOrEqual', [from, writer.constant(Int32Array.of(0), [])]);
    const mask = writer.node('Cast', [isPlace], { to: onnxTypes.float32 });
    const column = writer.node('Unsqueeze', [mask, writer.ints([1])]);
    return writer.node('Mul', [writer.node('Gather', [x, from], { axis: 0 }), column]);
  },
  pick: (writer, _, [x, indices]) => pickLast(writer, x, indices),
  addAt: (writer, _, [base, values, indices]) => {
    const last = writer.ints([-1]);
    const at = writer.node('Unsqueeze', [indices, last]);
    return writer.node('ScatterElements', [base, at, writer.node('Unsqueeze', [values, last])], {
      axis: -1,
      reduction: 'add',
    });
  },

  sum: reduction('ReduceSum'),
  mean: reduction('ReduceMean'),
  max: reduction('ReduceMax'),
  logSumExp: (writer, _, [x]) => writer.node('ReduceLogSumExp', [x, writer.ints([-1])], { keepdims: 1 }),
  softmax: (writer, _, inputs) => writer.node('Softmax', inputs, { axis: -1 }),
  logSoftmax: (writer, _, inputs) => writer.node('LogSoftmax', inputs, { axis: -1 }),
  logProbAt: (writer, _, [logits, indices]) =>
    pickLast(writer, writer.node('LogSoftmax', [logits], { axis: -1 }), indices),
  attend: (writer, _, [scores, values]) =>
    writer.node('MatMul', [writer.node('Softmax', [scores], { axis: -1 }), values]),
  rmsNorm: (writer, { attributes }, inputs) =>
    writer.node('SimplifiedLayerNormalization', inputs, { axis: -1, epsilon: { float: attributes.epsilon as number } }),
  rotary: (writer, { attributes }, [x, positions, cosine, sine]) =>
    writer.node(
      'RotaryEmbedding',
      [x, writer.node('Cast', [positions], { to: onnxTypes.int64 }), cosine, sine],
      { num_heads: attributes.heads as number },
      contrib,
    ),
};

function plain(type: string): Emitter {
  return (writer, _, inputs) => writer.node(type, inputs);
}

function reduction(type: string): Emitter {
  return (writer, { attributes }, [x]) =>
    writer.node(type, [x, writer.ints(attributes.axes as number[])], { keepdims: Number(attributes.keep) });
}

function pickLast(writer: Writer, x: string, indices: string): string {
  const picked = writer.node('GatherElements', [x, writer.node('Unsqueeze', [indices, writer.ints([-1])])], {
    axis: -1,
  });
  return writer.node('Squeeze', [picked, writer.ints([-1])]);
}
