import { describe, expect, it } from 'vitest';
import { clamp, gelu, layerNorm, normalizeRows } from '../../lib/tensor/compositions.ts';
import { emitters } from '../../lib/tensor/emit.ts';
import { constant, input, type Op, sizeOf, type Tensor, topological } from '../../lib/tensor/graph.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { compile } from '../../lib/tensor/session.ts';

type Nested = number | readonly Nested[];

/** Float inputs as nested arrays or their JSON, an operation on them, and its value by definition. */
interface Example {
  from: Nested[] | string;
  of: (...x: Tensor[]) => Tensor;
  is: Nested | string;
}

const each = (of: (x: Tensor) => Tensor, by: (x: number) => number, from = [-1.5, -0.25, 0, 0.5, 2]): Example[] => [
  { from: [from], of, is: from.map(by) },
];
const pairs = (of: (a: Tensor, b: Tensor) => Tensor, by: (a: number, b: number) => number): Example[] => {
  const [a, b] = [
    [1, 2, 3],
    [2, 2, 0.5],
  ];
  return [
    { from: [a, b], of, is: a.map((x, i) => by(x, b[i])) },
    { from: [a.map((x) => [x]), b], of, is: a.map((x) => b.map((y) => by(x, y))) },
    { from: [a, 2], of, is: a.map((x) => by(x, 2)) },
  ];
};
const logic = (of: (a: Tensor, b: Tensor) => Tensor, is: number[]): Example[] => [
  {
    from: '[1, 1, 0, 0], [1, 0, 1, 0]',
    of: (a, b) => number(of(ops.less(0, a), ops.less(0, b))),
    is,
  },
];
const number = (x: Tensor): Tensor => ops.cast(x, 'float32');
const ids = (...values: number[]): Tensor => constant(Int32Array.from(values), [values.length]);
const { E, LN2 } = Math;
/** Rows whose softmax is ½, ½ and ¾, ¼. */
const scores = `[[0, 0], [${Math.log(3)}, 0]]`;

/** Every operation has examples: a missing one is an error of types, and of the test below. */
const examples: Record<Op, Example[]> = {
  input: [{ from: '[1, 2]', of: (x) => x, is: [1, 2] }],
  constant: [{ from: [], of: () => constant(Float32Array.of(1, 2, 3, 4), [2, 2]), is: '[[1, 2], [3, 4]]' }],
  add: pairs(ops.add, (a, b) => a + b),
  sub: pairs(ops.sub, (a, b) => a - b),
  mul: pairs(ops.mul, (a, b) => a * b),
  div: pairs(ops.div, (a, b) => a / b),
  pow: pairs(ops.pow, (a, b) => a ** b),
  minimum: pairs(ops.minimum, Math.min),
  maximum: pairs(ops.maximum, Math.max),
  neg: each(ops.neg, (x) => -x),
  exp: each(ops.exp, Math.exp),
  log: each(ops.log, Math.log, [0.25, 1, E]),
  sqrt: each(ops.sqrt, Math.sqrt, [0, 0.25, 9]),
  abs: each(ops.abs, Math.abs),
  tanh: each(ops.tanh, Math.tanh),
  sigmoid: each(ops.sigmoid, (x) => 1 / (1 + Math.exp(-x))),
  relu: each(ops.relu, (x) => Math.max(0, x)),
  silu: each(ops.silu, (x) => x / (1 + Math.exp(-x))),
  softplus: each(ops.softplus, (x) => Math.log1p(Math.exp(x))),
  // Abramowitz and Stegun, table 7.1.
  erf: [{ from: '[-1, 0, 0.5, 2]', of: ops.erf, is: [-0.8427008, 0, 0.5204999, 0.9953223] }],
  sin: each(ops.sin, Math.sin),
  cos: each(ops.cos, Math.cos),
  stopGradient: each(ops.stopGradient, (x) => x),
  checkpoint: each(
    (x) => ops.checkpoint(ops.mul(x, 3), [x]),
    (x) => 3 * x,
  ),
  equal: [{ from: '[1, 2, 3], [1, 3, 2]', of: (a, b) => number(ops.equal(a, b)), is: [1, 0, 0] }],
  less: [{ from: '[1, 2, 3], [1, 3, 2]', of: (a, b) => number(ops.less(a, b)), is: [0, 1, 0] }],
  and: logic(ops.and, [1, 0, 0, 0]),
  or: logic(ops.or, [1, 1, 1, 0]),
  not: [{ from: '[1, 0]', of: (x) => number(ops.not(ops.less(0, x))), is: [0, 1] }],
  where: [
    { from: '[1, 2, 3], [[10], [20]]', of: (a, b) => ops.where(ops.less(a, 3), a, b), is: '[[1, 2, 10], [1, 2, 20]]' },
    { from: '[-2, 0.5, 7]', of: (x) => clamp(x, -1, 1), is: [-1, 0.5, 1] },
  ],
  cast: [{ from: '[-1.5, 0.5, 2.9]', of: (x) => number(ops.cast(x, 'int32')), is: [-1, 0, 2] }],
  matmul: [
    { from: '[[1, 2], [3, 4]], [[5, 6], [7, 8]]', of: (a, b) => ops.matmul(a, b), is: '[[19, 22], [43, 50]]' },
    {
      from: '[[1, 2], [3, 4]], [[5, 6], [7, 8]]',
      of: (a, b) => ops.matmul(a, b, { transA: true, scale: 2 }),
      is: '[[52, 60], [76, 88]]',
    },
    // Leading dimensions broadcast: one matrix for both of a batch.
    {
      from: '[[[1, 2]], [[3, 4]]], [[5, 6]]',
      of: (a, b) => ops.matmul(a, b, { transB: true }),
      is: '[[[17]], [[39]]]',
    },
  ],
  transpose: [{ from: '[[1, 2, 3], [4, 5, 6]]', of: (x) => ops.transpose(x, [1, 0]), is: '[[1, 4], [2, 5], [3, 6]]' }],
  reshape: [{ from: '[[1, 2, 3], [4, 5, 6]]', of: (x) => ops.reshape(x, [3, -1]), is: '[[1, 2], [3, 4], [5, 6]]' }],
  broadcastTo: [{ from: '[[1], [2]]', of: (x) => ops.broadcastTo(x, [2, 3]), is: '[[1, 1, 1], [2, 2, 2]]' }],
  concat: [{ from: '[[1], [2]], [[3, 4], [5, 6]]', of: (a, b) => ops.concat([a, b], 1), is: '[[1, 3, 4], [2, 5, 6]]' }],
  slice: [{ from: '[[1, 2, 3], [4, 5, 6]]', of: (x) => ops.slice(x, -1, 1, 3), is: '[[2, 3], [5, 6]]' }],
  pad: [{ from: '[[1, 2]]', of: (x) => ops.pad(x, 1, 1, 2), is: '[[0, 1, 2, 0, 0]]' }],
  gather: [
    { from: '[[1, 2], [3, 4], [5, 6]]', of: (x) => ops.gather(x, ids(2, 0, 2)), is: '[[5, 6], [1, 2], [5, 6]]' },
  ],
  scatterRows: [
    {
      from: '[[1, 2], [3, 4], [5, 6]]',
      of: (x) => ops.scatterRows(x, ids(2, 0, 2), 4),
      is: '[[3, 4], [0, 0], [6, 8], [0, 0]]',
    },
  ],
  rearrange: [
    { from: '[[1, 2], [3, 4]]', of: (x) => ops.rearrange(x, ids(-1, 1, 0), ids(2, 1)), is: '[[0, 0], [3, 4], [1, 2]]' },
  ],
  pick: [{ from: '[[1, 2, 3], [4, 5, 6]]', of: (x) => ops.pick(x, ids(2, 0)), is: [3, 4] }],
  addAt: [
    {
      from: '[[1, 2, 3], [4, 5, 6]], [10, 20]',
      of: (x, v) => ops.addAt(x, v, ids(2, 0)),
      is: '[[1, 2, 13], [24, 5, 6]]',
    },
  ],
  sum: [
    { from: '[[1, 2], [3, 4]]', of: (x) => ops.sum(x), is: 10 },
    { from: '[[1, 2], [3, 4]]', of: (x) => ops.sum(x, [0]), is: [4, 6] },
    { from: '[[1, 2], [3, 4]]', of: (x) => ops.sum(x, [-1], true), is: '[[3], [7]]' },
  ],
  mean: [
    { from: '[[1, 2], [3, 4]]', of: (x) => ops.mean(x), is: 2.5 },
    { from: '[[1, 2], [3, 4]]', of: (x) => ops.mean(x, [0], true), is: '[[2, 3]]' },
  ],
  max: [{ from: '[[1, 5], [7, -4]]', of: (x) => ops.max(x, [1]), is: [5, 7] }],
  logSumExp: [{ from: scores, of: ops.logSumExp, is: [[LN2], [2 * LN2]] }],
  softmax: [{ from: scores, of: ops.softmax, is: '[[0.5, 0.5], [0.75, 0.25]]' }],
  logSoftmax: [{ from: [[Math.log(3), 0]], of: ops.logSoftmax, is: [Math.log(0.75), Math.log(0.25)] }],
  logProbAt: [{ from: scores, of: (x) => ops.logProbAt(x, ids(1, 0)), is: [-LN2, Math.log(0.75)] }],
  attend: [{ from: `[${scores}], [[[4, 8], [8, 0]]]`, of: ops.attend, is: '[[[6, 4], [5, 6]]]' }],
  // mean(x²) = 12.5; and 0 with ε = 4.
  rmsNorm: [
    { from: '[3, 4], [1, 2]', of: (x, w) => ops.rmsNorm(x, w, 0), is: [3 / Math.sqrt(12.5), 8 / Math.sqrt(12.5)] },
    { from: '[0, 0], [1, 2]', of: (x, w) => ops.rmsNorm(x, w, 4), is: [0, 0] },
  ],
  // Position 1 turns by a right angle: (x1, x2) → (-x2, x1), of each head its two halves.
  rotary: [
    {
      from: [
        [
          [
            [1, 2, 3, 4],
            [1, 2, 3, 4],
          ],
        ].flat(),
        [[1], [0]],
        [[0], [1]],
      ],
      of: (x, cosine, sine) => ops.rotary(ops.reshape(x, [1, 2, 4]), ops.reshape(ids(0, 1), [1, 2]), cosine, sine),
      is: '[[[1, 2, 3, 4], [-2, 1, -4, 3]]]',
    },
  ],
};

const compositions: Record<string, Example[]> = {
  // x·Φ(x), with Φ(1) = 0.8413447.
  gelu: [{ from: '[-1, 0, 1]', of: gelu, is: [-0.1586553, 0, 0.8413447] }],
  layerNorm: [{ from: '[1, 3], [10, 10], [0, 1]', of: (x, w, b) => layerNorm(x, w, b, 0), is: [-10, 11] }],
  normalizeRows: [{ from: '[[3, 4], [0, 0]]', of: (x) => normalizeRows(x), is: '[[0.6, 0.8], [0, 0]]' }],
};

describe('the value of', () => {
  it.each(Object.entries(examples))('%s is that of its definition', async (op, list) => {
    for (const one of list) {
      expect(topological([tracedOf(one).value]).some((tensor) => tensor.op === op)).toBe(true);
      await checkExample(one);
    }
  });

  it.each(Object.entries(compositions))('%s, a composition, is that of its definition', async (_, list) => {
    for (const one of list) await checkExample(one);
  });

  it('every operation that can be written as ONNX has an example', () => {
    for (const op of Object.keys(emitters) as Op[]) expect(examples[op]?.length, op).toBeGreaterThan(0);
  });
});

function tracedOf({ from, of }: Example): { inputs: Tensor[]; value: Tensor } {
  const inputs = fedTo(from).map((numbers, i) => input(`x${i}`, shapeOf(numbers)));
  return { inputs, value: of(...inputs) };
}

async function checkExample(example: Example): Promise<void> {
  const { inputs, value } = tracedOf(example);
  const from = fedTo(example.from);
  const is = typeof example.is === 'string' ? (JSON.parse(example.is) as Nested) : example.is;
  expect(value.shape).toEqual(shapeOf(is));
  const session = await compile({ value }, { threads: 1 });
  const feeds = inputs.map(({ shape }, i) => [`x${i}`, { shape, data: Float32Array.from(flat(from[i])) }]);
  const { value: got } = await session.run(Object.fromEntries(feeds));
  await session.release();
  const expected = flat(is);
  expect(got.length).toBe(sizeOf(value.shape));
  expected.forEach((number, i) => expect(Number(got[i])).toBeCloseTo(number, 6));
}

function fedTo(from: Example['from']): Nested[] {
  return typeof from === 'string' ? (JSON.parse(`[${from}]`) as Nested[]) : from;
}

function shapeOf(numbers: Nested): number[] {
  return typeof numbers === 'number' ? [] : [numbers.length, ...shapeOf(numbers[0])];
}

function flat(numbers: Nested): number[] {
  return typeof numbers === 'number' ? [numbers] : numbers.flatMap(flat);
}
