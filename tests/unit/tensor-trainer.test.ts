import { describe, expect, it } from 'vitest';
import { NumericsError } from '../../lib/errors.ts';
import { Random } from '../../lib/random.ts';
import { type AdamwSettings, adamwStep, clipScale } from '../../lib/tensor/adamw.ts';
import { add, exp, gather, logProbAt, matmul, mean, mul, neg, relu, sqrt, sum } from '../../lib/tensor/ops.ts';
import type { Parameters } from '../../lib/tensor/parameters.ts';
import { createTrainer, type Trainer } from '../../lib/tensor/trainer.ts';

const adamw = { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.01, gradientNorm: 1 } as const;

describe('a trainer', () => {
  it('learns a small classifier', async () => {
    const trainer = classifier(newParameters(1));
    const first = await trainer.evaluate(batch(0));
    for (let i = 1; i <= 150; i++) await trainer.step([batch(i)], 0.02);
    const last = await trainer.evaluate(batch(1000));
    expect(first.loss).toBeGreaterThan(1);
    expect(last.loss).toBeLessThan(0.3);
    await trainer.release();
  });

  it('goes on from a saved state equal to the bit, in another trainer', async () => {
    const through = newParameters(1);
    const trainer = classifier(through);
    for (let i = 0; i < 3; i++) await trainer.step([batch(i)], 0.02);
    const saved = trainer.state();
    for (let i = 3; i < 6; i++) await trainer.step([batch(i)], 0.02);

    const resumed = newParameters(2);
    const other = classifier(resumed);
    other.load(saved);
    for (let i = 3; i < 6; i++) await other.step([batch(i)], 0.02);
    expect(bytesOf(resumed)).toEqual(bytesOf(through));
    expect(other.state()).toEqual(trainer.state());
    await trainer.release();
    await other.release();
  });

  it('refuses a state of other shapes', () => {
    const trainer = classifier(newParameters(1));
    const state = trainer.state();
    state.parameters.set('out', { shape: [1, 4], data: new Float32Array(4) });
    expect(() => trainer.load(state)).toThrow(/out is \[1,4\]/);
  });

  it('makes of weighted micro-batches the step of the whole batch, within 1e-5', async () => {
    const whole = newParameters(1);
    const parts = newParameters(1);
    // An epsilon above the rounding of gradients: Adam's first steps divide by them.
    const [one, two] = [whole, parts].map((parameters) => classifier(parameters, { ...adamw, epsilon: 1e-4 }));
    const { ids, labels } = batch(0);
    const cut = (from: number, to: number) => ({
      ids: { shape: [to - from, 3], data: ids.data.slice(from * 3, to * 3) },
      labels: { shape: [to - from], data: labels.data.slice(from, to) },
    });
    const together = await one.step([{ ids, labels }], 0.02);
    const apart = await two.step([cut(0, 24), cut(24, 32)], 0.02, [0.75, 0.25]);
    expect(Math.abs(apart.loss - together.loss)).toBeLessThan(1e-5);
    expect(Math.abs(apart.metrics.accuracy - together.metrics.accuracy)).toBeLessThan(1e-5);
    expect(Math.abs(apart.gradientNorm - together.gradientNorm)).toBeLessThan(1e-5);
    for (const part of ['parameters', 'first', 'second'] as const) {
      const expected = one.state()[part];
      for (const [name, { data }] of two.state()[part]) {
        const other = expected.get(name)?.data as Float32Array;
        const error = data.reduce((worst, value, i) => Math.max(worst, Math.abs(value - other[i])), 0);
        expect(error, `${part} of ${name}`).toBeLessThan(1e-5);
      }
    }
    await one.release();
    await two.release();
  });

  it('throws NumericsError that names the parameter and changes nothing when a gradient is not finite', async () => {
    const parameters: Parameters = new Map([
      ['steady', { shape: [2], data: Float32Array.of(1, 2) }],
      ['explosive', { shape: [2], data: Float32Array.of(1, 0) }],
    ]);
    // The root of 0 is finite, its derivative is not.
    const trainer = createTrainer({
      parameters,
      loss: (p, x) => ({ loss: sum(add(mul(p.steady, x.scale), sqrt(p.explosive))) }),
      adamw,
      threads: 1,
    });
    const scale = (value: number) => ({ scale: { shape: [2], data: Float32Array.of(value, value) } });
    const failure = await trainer.step([scale(1), scale(1)], 0.1).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NumericsError);
    expect((failure as NumericsError).message).toMatch(
      /the gradient of explosive in micro-batch 0 is not a finite number: it breaks first in div, after explosive/,
    );
    expect((failure as NumericsError).tensor).toBe('div, after explosive');
    await expect(trainer.step([scale(1), scale(Number.NaN)], 0.1)).rejects.toThrow(
      /the gradient of explosive in micro-batch 0|the loss of micro-batch 1 is not .* breaks first in the fed scale/,
    );
    await expect(trainer.step([scale(1)], Number.NaN)).rejects.toThrow(/learning rate is NaN/);
    expect([...(parameters.get('steady')?.data ?? [])]).toEqual([1, 2]);
    expect(trainer.state().step).toBe(0);
    await trainer.release();
  });

  it('names what overflows in the forward pass, and the batch that its caller knows', async () => {
    const parameters: Parameters = new Map([
      ['table', { shape: [3, 2], data: Float32Array.of(1, 2, 3, 200, 5, 6) }],
      ['out', { shape: [2], data: Float32Array.of(1, 1) }],
    ]);
    const trainer = createTrainer({
      parameters,
      loss: (p, x) => ({ loss: mean(exp(mul(gather(p.table, x.ids), p.out))) }),
      adamw,
      threads: 1,
    });
    const step = (id: number) =>
      NumericsError.of('round 3, rollouts abc', () =>
        trainer.step([{ ids: { shape: [1], data: Int32Array.of(id) } }], 0.1),
      );
    await expect(step(1)).rejects.toThrow(
      'round 3, rollouts abc: the loss of micro-batch 0 is not a finite number: it breaks first in exp, after',
    );
    await expect(step(1)).rejects.toMatchObject({ batch: 'round 3, rollouts abc', retryable: false });
    const before = bytesOf(parameters).map((bytes) => bytes.toString('hex'));
    expect((await step(0)).loss).toBeGreaterThan(0);
    expect(bytesOf(parameters).map((bytes) => bytes.toString('hex'))).not.toEqual(before);
    (parameters.get('out') as { data: Float32Array }).data[1] = Number.NaN;
    await expect(step(0)).rejects.toThrow(/breaks first in out\./);
    await trainer.release();
  });

  it('refuses a step whose gradient explodes, naming the parameter, and takes the next one', async () => {
    const parameters: Parameters = new Map([
      ['calm', { shape: [1], data: Float32Array.of(1) }],
      ['steep', { shape: [1], data: Float32Array.of(1) }],
    ]);
    const trainer = createTrainer({
      parameters,
      loss: (p, x) => ({ loss: sum(add(p.calm, mul(p.steep, x.slope))) }),
      adamw: { ...adamw, gradientLimit: 50 },
      threads: 1,
    });
    const slope = (value: number) => [{ slope: { shape: [1], data: Float32Array.of(value) } }];
    await expect(trainer.step(slope(60), 0.1)).rejects.toThrow(
      /the gradient explodes: its norm is 60\.0, 50 is allowed, and most of it is that of steep \(60\.0\)/,
    );
    await expect(trainer.step(slope(60), 0.1)).rejects.toMatchObject({ name: 'NumericsError', tensor: 'steep' });
    expect(parameters.get('steep')?.data[0]).toBe(1);
    expect(trainer.state().step).toBe(0);
    expect((await trainer.step(slope(40), 0.1)).gradientNorm).toBeCloseTo(Math.hypot(40, 1), 4);
    await trainer.release();
  });

  it('leaves alone, but for decay, a parameter that the loss does not read', async () => {
    const parameters: Parameters = new Map([
      ['read', { shape: [2], data: Float32Array.of(1, 2) }],
      ['unread', { shape: [1], data: Float32Array.of(3) }],
    ]);
    const trainer = createTrainer({ parameters, loss: (p) => ({ loss: sum(p.read) }), adamw, threads: 1 });
    await trainer.step([{}], 0.1);
    expect(parameters.get('unread')?.data[0]).toBeCloseTo(3 * (1 - 0.1 * 0.01), 6);
    await trainer.release();
  });

  it('reads constants without training them', async () => {
    const constants: Parameters = new Map([['fixed', { shape: [2], data: Float32Array.of(5, 7) }]]);
    const parameters: Parameters = new Map([['own', { shape: [2], data: Float32Array.of(1, 1) }]]);
    const trainer = createTrainer({
      parameters,
      constants,
      loss: (p) => ({ loss: sum(mul(p.own, p.fixed)) }),
      adamw,
      threads: 1,
    });
    const { gradients } = await trainer.gradients({});
    expect([...gradients.keys()]).toEqual(['own']);
    expect([...(gradients.get('own') ?? [])]).toEqual([5, 7]);
    await trainer.release();
  });
});

describe('AdamW', () => {
  it('makes a first step of the learning rate against the sign of the gradient, after decay', () => {
    const parameter = Float32Array.of(1, -1);
    const moments = { first: new Float32Array(2), second: new Float32Array(2) };
    adamwStep(
      parameter,
      Float32Array.of(3, -0.1),
      moments,
      { ...adamw, weightDecay: 0.5 },
      { step: 1, learningRate: 0.1, scale: 1 },
    );
    expect(parameter[0]).toBeCloseTo(0.95 - 0.1, 6);
    expect(parameter[1]).toBeCloseTo(-0.95 + 0.1, 6);
  });

  it('scales gradients down to the norm, never up', () => {
    expect(clipScale(4, 1)).toBeCloseTo(0.25, 6);
    expect(clipScale(0.5, 1)).toBe(1);
    expect(clipScale(4, null)).toBe(1);
  });
});

function newParameters(seed: number): Parameters {
  const random = new Random('trainer test', seed);
  const draw = (...shape: number[]) => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal(0, 0.3)),
  });
  return new Map([
    ['table', draw(10, 8)],
    ['hidden', draw(8, 8)],
    ['out', draw(8, 4)],
  ]);
}

/** Bags of three words; the label is the largest word modulo 4. */
function batch(index: number) {
  const random = new Random('trainer batch', index);
  const ids = Int32Array.from({ length: 96 }, () => random.integer(10));
  const labels = Int32Array.from({ length: 32 }, (_, i) => Math.max(...ids.subarray(i * 3, i * 3 + 3)) % 4);
  return { ids: { shape: [32, 3], data: ids }, labels: { shape: [32], data: labels } };
}

function classifier(parameters: Parameters, settings: AdamwSettings = adamw): Trainer {
  return createTrainer({
    parameters,
    loss: (p, x) => {
      const bag = sum(gather(p.table, x.ids), [1]);
      const logits = matmul(relu(matmul(bag, p.hidden)), p.out);
      const logprobs = logProbAt(logits, x.labels);
      return { loss: neg(mean(logprobs)), metrics: { accuracy: mean(logprobs) } };
    },
    adamw: settings,
    threads: 1,
  });
}

function bytesOf(parameters: Parameters): Buffer[] {
  return [...parameters.values()].map(({ data }) => Buffer.from(data.buffer));
}
