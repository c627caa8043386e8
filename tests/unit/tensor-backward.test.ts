import { describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { clamp } from '../../lib/tensor/compositions.ts';
import { gradients } from '../../lib/tensor/gradient.ts';
import { constant, input, sizeOf, type Tensor, topological } from '../../lib/tensor/graph.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { compile } from '../../lib/tensor/session.ts';

describe('a checkpoint', () => {
  it('changes no number, and computes again only what the gradient needs', async () => {
    const [x, w] = [input('x', [3, 4]), input('w', [4, 4])];
    const random = new Random('checkpoint');
    const draw = (shape: number[]) => ({
      shape,
      data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal(0, 1)),
    });
    const feeds = { x: draw([3, 4]), w: draw([4, 4]) };
    const layer = (h: Tensor): Tensor => ops.silu(ops.matmul(ops.mul(h, 0.5), w));
    const through = (wrap: (y: Tensor, h: Tensor) => Tensor): Tensor => {
      let h = ops.exp(x);
      for (let i = 0; i < 3; i++) h = wrap(layer(h), h);
      return ops.sum(h);
    };
    const [plain, checkpointed] = [through((y) => y), through((y, h) => ops.checkpoint(y, [h, w]))];
    const outputs = (loss: Tensor) => {
      const [gx, gw] = gradients(loss, [x, w]);
      return { loss, gx, gw };
    };
    expect(await run(outputs(checkpointed), feeds)).toEqual(await run(outputs(plain), feeds));
    const products = (loss: Tensor): number =>
      topological(Object.values(outputs(loss))).filter(({ op }) => op === 'matmul').length;
    expect(products(checkpointed)).toBe(products(plain) + 3);
  });

  it('refuses a parameter that its boundary does not hold', () => {
    const [x, w] = [input('x', [3, 4]), input('w', [4, 4])];
    const y = ops.checkpoint(ops.matmul(x, w), [x]);
    expect(() => gradients(ops.sum(y), [x, w])).toThrow(/w is read inside a checkpoint/);
    expect(gradients(ops.sum(y), [x])).toHaveLength(1);
  });
});

describe('where a derivative jumps, the gradient', () => {
  const zero = constant(Float32Array.of(0), [1]);
  it.each<[string, (x: Tensor) => Tensor, number[]]>([
    ['of minimum is halved between equal ones', (x) => ops.minimum(x, zero), [1, 0.5, 0]],
    ['of maximum is halved between equal ones', (x) => ops.maximum(x, zero), [0, 0.5, 1]],
    ['of relu is 0', ops.relu, [0, 0, 1]],
    ['of clamp passes on its bounds', (x) => clamp(x, 0, 1), [0, 1, 1]],
    ['of max is shared by equal ones', (x) => ops.max(ops.minimum(x, zero)), [0, 0.25, 0]],
  ])('%s', async (_, of, expected) => {
    const x = input('x', [3]);
    const [g] = gradients(ops.sum(of(x)), [x]);
    const values = await run({ g }, { x: { shape: [3], data: Float32Array.of(-1, 0, 1) } });
    expect([...values.g]).toEqual(expected);
  });
});

async function run(outputs: Record<string, Tensor>, feeds: Parameters<Awaited<ReturnType<typeof compile>>['run']>[0]) {
  const session = await compile(outputs, { threads: 1 });
  const values = (await session.run(feeds)) as Record<string, Float32Array>;
  await session.release();
  return values;
}
