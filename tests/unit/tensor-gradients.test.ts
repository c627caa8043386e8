import { describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { clamp, gelu, layerNorm, normalizeRows } from '../../lib/tensor/compositions.ts';
import { gradients } from '../../lib/tensor/gradient.ts';
import { constant, input, type Op, sizeOf, type Tensor, topological } from '../../lib/tensor/graph.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { compile } from '../../lib/tensor/session.ts';
import { vjp } from '../../lib/tensor/vjp.ts';

/** One use of an operation: shapes of its float inputs, the range their entries are drawn from, and the value. */
interface Case {
  shapes: number[][];
  range?: [number, number];
  of: (...x: Tensor[]) => Tensor;
}

const ids = (...values: number[]): Tensor => constant(Int32Array.from(values), [values.length]);
const positive: [number, number] = [0.5, 2];
const unary = (of: (x: Tensor) => Tensor, range?: [number, number]): Case[] => [{ shapes: [[3, 4]], range, of }];
const binary = (of: (a: Tensor, b: Tensor) => Tensor, range?: [number, number]): Case[] => [
  {
    shapes: [
      [3, 4],
      [3, 4],
    ],
    range,
    of,
  },
  {
    shapes: [
      [2, 3, 4],
      [3, 1],
    ],
    range,
    of,
  },
  { shapes: [[4], [2, 3, 1]], range, of },
  { shapes: [[], [2, 3]], range, of },
];
const reduction = (of: (x: Tensor, axes?: number[], keep?: boolean) => Tensor): Case[] => [
  { shapes: [[3, 4]], of: (x) => of(x) },
  { shapes: [[2, 3, 4]], of: (x) => of(x, [0, 2]) },
  { shapes: [[2, 3, 4]], of: (x) => of(x, [1], true) },
];
const mask = constant(Uint8Array.of(1, 0, 0, 1), [4]);
const table = (of: (x: number) => number): Tensor =>
  constant(
    Float32Array.from({ length: 10 * 2 }, (_, i) => of(Math.floor(i / 2) / (1 + 9 * (i % 2)))),
    [10, 2],
  );

/** Operations through which no gradient flows, as uses of their inputs that would otherwise have one. */
const blocking: Partial<Record<Op, (a: Tensor, b: Tensor) => Tensor>> = {
  stopGradient: (a) => ops.stopGradient(a),
  equal: (a, b) => ops.cast(ops.equal(a, b), 'float32'),
  less: (a, b) => ops.cast(ops.less(a, b), 'float32'),
  and: (a, b) => ops.cast(ops.and(ops.less(a, b), ops.less(b, a)), 'float32'),
  or: (a, b) => ops.cast(ops.or(ops.less(a, b), ops.less(b, a)), 'float32'),
  not: (a, b) => ops.cast(ops.not(ops.less(a, b)), 'float32'),
  cast: (a) => ops.cast(ops.cast(a, 'int32'), 'float32'),
};

/** Uses of each operation with a rule: an operation without one fails its test. */
const cases: Partial<Record<Op, Case[]>> = {
  input: [{ shapes: [[2, 3]], of: (x) => x }],
  constant: [{ shapes: [[3]], of: (x) => ops.mul(x, constant(Float32Array.of(1, 2, 3), [3])) }],
  add: binary(ops.add),
  sub: binary(ops.sub),
  mul: [...binary(ops.mul), { shapes: [[5]], of: (x) => ops.mul(x, x) }],
  div: binary(ops.div, positive),
  pow: binary(ops.pow, positive),
  minimum: binary(ops.minimum),
  maximum: binary(ops.maximum),
  neg: unary(ops.neg),
  exp: unary(ops.exp),
  log: unary(ops.log, positive),
  sqrt: unary(ops.sqrt, positive),
  abs: unary(ops.abs),
  tanh: unary(ops.tanh),
  sigmoid: unary(ops.sigmoid),
  relu: unary(ops.relu),
  silu: unary(ops.silu),
  softplus: unary(ops.softplus),
  erf: unary(ops.erf),
  sin: unary(ops.sin),
  cos: unary(ops.cos),
  where: [
    ...binary((a, b) => ops.where(mask, a, b)).slice(0, 1),
    { shapes: [[3, 1], [4]], of: (a, b) => ops.where(mask, a, b) },
    { shapes: [[2, 4]], of: (a) => clamp(a, -0.4, 0.5) },
  ],
  matmul: [
    ...[false, true].flatMap((transA) =>
      [false, true].flatMap((transB) => {
        const of = (a: Tensor, b: Tensor): Tensor => ops.matmul(a, b, { transA, transB, scale: 0.7 });
        const left = transA ? [4, 3] : [3, 4];
        const right = transB ? [5, 4] : [4, 5];
        return [
          { shapes: [left, right], of },
          { shapes: [[2, ...left], right], of },
          {
            shapes: [
              [2, 1, ...left],
              [3, ...right],
            ],
            of,
          },
        ];
      }),
    ),
    {
      shapes: [
        [2, 3, 4],
        [2, 4, 5],
      ],
      of: (a, b) => ops.matmul(a, b),
    },
    {
      shapes: [
        [3, 4],
        [2, 4, 5],
      ],
      of: (a, b) => ops.matmul(a, b),
    },
  ],
  transpose: [
    { shapes: [[2, 3, 4]], of: (x) => ops.transpose(x, [2, 0, 1]) },
    { shapes: [[2, 3, 4]], of: (x) => ops.transpose(ops.transpose(x, [2, 0, 1]), [1, 0, 2]) },
  ],
  reshape: [{ shapes: [[2, 6]], of: (x) => ops.reshape(x, [3, -1]) }],
  broadcastTo: [{ shapes: [[3, 1]], of: (x) => ops.broadcastTo(x, [2, 3, 4]) }],
  concat: [
    {
      shapes: [
        [2, 3],
        [2, 1],
        [2, 2],
      ],
      of: (a, b, c) => ops.concat([a, b, c, a], 1),
    },
  ],
  slice: [{ shapes: [[3, 5]], of: (x) => ops.slice(x, 1, 1, 4) }],
  pad: [{ shapes: [[3, 2]], of: (x) => ops.pad(x, 0, 1, 2) }],
  gather: [
    { shapes: [[4, 3]], of: (x) => ops.gather(x, ids(2, 0, 2, 2)) },
    { shapes: [[4]], of: (x) => ops.gather(x, ids(1, 3, 1)) },
    { shapes: [[4, 2]], of: (x) => ops.gather(x, ops.reshape(ids(1, 3, 1, 0), [2, 2])) },
  ],
  scatterRows: [{ shapes: [[4, 3]], of: (x) => ops.scatterRows(x, ids(2, 0, 2, 2), 5) }],
  rearrange: [
    { shapes: [[4, 3]], of: (x) => ops.rearrange(x, ids(2, -1, 0, 3, -1), ids(2, -1, 0, 3)) },
    { shapes: [[3, 2]], of: (x) => ops.rearrange(x, ids(1), ids(-1, 0, -1)) },
  ],
  pick: [{ shapes: [[3, 4]], of: (x) => ops.pick(x, ids(3, 0, 3)) }],
  addAt: [{ shapes: [[3, 4], [3]], of: (x, v) => ops.addAt(x, v, ids(1, 0, 3)) }],
  sum: reduction(ops.sum),
  mean: reduction(ops.mean),
  max: reduction(ops.max),
  logSumExp: unary(ops.logSumExp),
  softmax: unary(ops.softmax),
  logSoftmax: unary(ops.logSoftmax),
  logProbAt: [{ shapes: [[3, 4]], of: (x) => ops.logProbAt(x, ids(1, 0, 3)) }],
  attend: [
    {
      shapes: [
        [2, 3, 4],
        [2, 4, 5],
      ],
      of: ops.attend,
    },
  ],
  rmsNorm: [{ shapes: [[2, 3, 4], [4]], of: (x, w) => ops.rmsNorm(x, w, 1e-5) }],
  rotary: [
    {
      shapes: [[2, 3, 8]],
      of: (x) => ops.rotary(x, ops.reshape(ids(0, 1, 2, 5, 6, 9), [2, 3]), table(Math.cos), table(Math.sin)),
    },
  ],
};

/** Its rule is the driver's (gradient.ts), so it stands in no table. */
const checkpoints: Case[] = [
  {
    shapes: [
      [3, 4],
      [4, 5],
    ],
    of: (a, b) => ops.checkpoint(ops.exp(ops.matmul(a, b)), [a, b]),
  },
  // A chain of two with a shared parameter, an activation on the boundary, and one inside another.
  {
    shapes: [
      [3, 4],
      [4, 4],
    ],
    of: (a, w) => {
      const block = (x: Tensor): Tensor => ops.checkpoint(ops.tanh(ops.matmul(x, w)), [x, w]);
      const one = block(ops.mul(a, 2));
      return ops.checkpoint(ops.mul(block(one), ops.exp(one)), [one, w]);
    },
  },
  // Rows in parts, joined again, beside another use of the same input.
  {
    shapes: [
      [4, 3],
      [3, 2],
    ],
    of: (x, w) => {
      const rows = ops.sin(x);
      const part = (start: number): Tensor => {
        const some = ops.slice(rows, 0, start, start + 2);
        return ops.checkpoint(ops.logSoftmax(ops.matmul(some, w)), [some, w]);
      };
      return ops.add(ops.concat([part(0), part(2)], 0), ops.matmul(rows, w));
    },
  },
];

const composed: Record<string, Case[]> = {
  checkpoint: checkpoints,
  gelu: unary(gelu),
  layerNorm: [{ shapes: [[2, 3, 4], [4], [4]], of: (x, w, b) => layerNorm(x, w, b, 1e-5) }],
  normalizeRows: unary(normalizeRows),
};

describe('the gradient of', () => {
  for (const op of Object.keys(vjp) as Op[]) {
    const block = blocking[op];
    if (block) {
      it(`${op} is zero`, async () => {
        const [a, b] = [input('a', [3]), input('b', [3])];
        const y = block(a, b);
        expect(topological([y]).some((tensor) => tensor.op === op)).toBe(true);
        const feed = { shape: [3], data: Float32Array.of(1, 2, 3) };
        const values = await run(Object.fromEntries(gradients(ops.sum(y), [a, b]).entries()), { a: feed, b: feed });
        for (const gradient of Object.values(values)) expect([...gradient]).toEqual([0, 0, 0]);
      });
      continue;
    }
    it(`${op} agrees with finite differences`, async () => {
      expect(cases[op], `no test case for ${op}: add one`).toBeDefined();
      for (const one of cases[op] ?? []) {
        const inputs = one.shapes.map((shape, i) => input(`x${i}`, shape));
        expect(topological([one.of(...inputs)]).some((tensor) => tensor.op === op)).toBe(true);
        await checkCase(one, op);
      }
    });
  }
  for (const [name, list] of Object.entries(composed)) {
    it(`${name}, a composition, agrees with finite differences`, async () => {
      for (const one of list) await checkCase(one, name);
    });
  }
});

/** Compares every entry of every gradient of Σ r·f(x), r random, with a central difference. */
async function checkCase({ shapes, range = [-1, 1], of }: Case, name: string): Promise<void> {
  const random = new Random('gradient', name, JSON.stringify(shapes));
  const draw = (shape: readonly number[], low: number, high: number): Float32Array =>
    Float32Array.from({ length: sizeOf(shape) }, () => low + (high - low) * random.uniform());
  const inputs = shapes.map((shape, i) => input(`x${i}`, shape));
  const y = of(...inputs);
  const direction = draw(y.shape, -1, 1);
  const loss = ops.sum(ops.mul(y, constant(direction, y.shape)));
  const grads = gradients(loss, inputs);
  const session = await compile({ y, ...Object.fromEntries(grads.map((g, i) => [`g${i}`, g])) }, { threads: 1 });
  const feeds = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, { shape, data: draw(shape, ...range) }]));
  const analytic = await session.run(feeds);
  const lossAt = async (): Promise<number> => {
    const values = (await session.run(feeds)).y as Float32Array;
    return values.reduce((total, value, i) => total + value * direction[i], 0);
  };
  const step = 1 / 256;
  for (const [i, shape] of shapes.entries()) {
    expect(grads[i].shape).toEqual(shape);
    const { data } = feeds[`x${i}`];
    for (let k = 0; k < data.length; k++) {
      const before = data[k];
      data[k] = before + step;
      const above = await lossAt();
      data[k] = before - step;
      const below = await lossAt();
      data[k] = before;
      const numeric = (above - below) / (2 * step);
      const error = Math.abs(numeric - (analytic[`g${i}`] as Float32Array)[k]);
      expect(error, `${name} ${JSON.stringify(shapes)}: gradient ${i}[${k}] should be ${numeric}`).toBeLessThan(2e-3);
    }
  }
  await session.release();
}

async function run(outputs: Record<string, Tensor>, feeds: Parameters<Awaited<ReturnType<typeof compile>>['run']>[0]) {
  const session = await compile(outputs, { threads: 1 });
  const values = (await session.run(feeds)) as Record<string, Float32Array>;
  await session.release();
  return values;
}
