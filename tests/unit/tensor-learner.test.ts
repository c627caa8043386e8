import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { loadLanguageModel, type LanguageModel } from '../../lib/tensor/language-model.ts';
import {
  createDistiller,
  createPolicyLearner,
  createSupervised,
  type Learner,
  logprobs,
  type PolicyLearner,
  type ScoredGroup,
  scoreTokens,
} from '../../lib/tensor/learner.ts';
import { initialParameters } from '../../lib/tensor/llama.ts';
import { packGroups, type TokenGroup } from '../../lib/tensor/packing.ts';
import type { MemorySettings } from '../../lib/tensor/target-figures.ts';

const models = new URL('../oracle/data/models/', import.meta.url).pathname;
const load = (name: string): LanguageModel => loadLanguageModel(models + name);
const adamw = { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0, gradientNorm: 1 } as const;
const settings = { adamw, threads: 1, microBatchTokens: 256 };
const policy = {
  ...settings,
  loss: 'dr_grpo',
  clipLow: 0.2,
  clipHigh: 0.2,
  klWeight: 0,
  maxListTokens: 8,
  temperature: 0.6,
} as const;

const random = new Random('learner test');
const tokens = (length: number): Int32Array => Int32Array.from({ length }, () => 3 + random.integer(500));
const groups: TokenGroup[] = [12, 20, 7].map((length) => ({
  prompt: tokens(length),
  completions: [tokens(4), tokens(8), tokens(1), tokens(6)],
}));
const mean = (of: readonly ArrayLike<number>[]): number => {
  const all = of.flatMap((one) => Array.from(one));
  return all.reduce((a, b) => a + b, 0) / all.length;
};

describe('log-probabilities', () => {
  it('are those of each list alone within 1e-5, whatever lists share its prompt and its batch', async () => {
    const model = load('qwen2');
    const apart = groups.flatMap(({ prompt, completions }) =>
      completions.map((one) => ({ prompt, completions: [one] })),
    );
    const shared = await scoreTokens(model, groups, { temperature: 0.6, threads: 1 });
    const alone = await scoreTokens(model, apart, { temperature: 0.6, threads: 1, microBatchTokens: 64 });
    for (const which of ['logprobs', 'entropies'] as const) {
      const [left, right] = [shared[which].flat(), alone[which].flat()];
      expect(left.map(({ length }) => length)).toEqual(
        groups.flatMap(({ completions }) => completions.map((one) => one.length)),
      );
      left.forEach((list, i) => list.forEach((value, t) => expect(Math.abs(value - right[i][t])).toBeLessThan(1e-5)));
    }
  });
});

describe('memory for time', () => {
  const memory: MemorySettings[] = [
    { targetsAtOnce: 10 },
    { targetsAtOnce: 1 },
    { recompute: true },
    { recompute: true, targetsAtOnce: 33 },
  ];

  it.each(memory)('gives the same log-probabilities and entropies (%j)', async (settings) => {
    const model = load('qwen2');
    const whole = await scoreTokens(model, groups, { temperature: 0.6, threads: 1 });
    const parts = await scoreTokens(model, groups, { temperature: 0.6, threads: 1, ...settings });
    for (const which of ['logprobs', 'entropies'] as const) {
      const [left, right] = [whole[which].flat(), parts[which].flat()];
      left.forEach((list, i) => list.forEach((value, t) => expect(right[i][t]).toBeCloseTo(value, 5)));
    }
  });

  it.each(memory)('takes the same step, always (%j)', async (settings) => {
    const batch = scored(await logprobs(load('llama'), groups, policy));
    const stepOf = async (more: MemorySettings) => {
      const model = load('llama');
      const learner = await createPolicyLearner(model, {
        ...policy,
        adamw: { ...adamw, epsilon: 1e-4 },
        klWeight: 0,
        ...more,
      });
      const figures = await learner.update(batch, 1e-3);
      await learner.release();
      return { model, figures };
    };
    const [plain, one, again] = [await stepOf({}), await stepOf(settings), await stepOf(settings)];
    expect(again.model.parameters).toEqual(one.model.parameters);
    expect(again.figures).toEqual(one.figures);
    expect(Math.abs(one.figures.gradient_norm / plain.figures.gradient_norm - 1)).toBeLessThan(1e-5);
    expect(one.figures.entropy).toBeCloseTo(plain.figures.entropy, 5);
    for (const [name, { data }] of one.model.parameters) {
      const expected = plain.model.parameters.get(name)?.data as Float32Array;
      const error = data.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i])), 0);
      expect(error, name).toBeLessThan(1e-5);
    }
  });

  it('distils as well from logits in chunks, of a teacher with a wider table too', async () => {
    const of = async (more: MemorySettings) => {
      const distiller = await createDistiller(load('llama'), load('qwen2-padded'), {
        ...settings,
        divergence: 'jsd',
        temperature: 0.7,
        ...more,
      });
      const figures = [await distiller.step(groups, 1e-3), await distiller.step(groups, 1e-3)];
      await distiller.release();
      return figures;
    };
    const [plain, chunked] = [await of({}), await of({ targetsAtOnce: 7, recompute: true })];
    for (const [i, figures] of chunked.entries()) {
      for (const [name, value] of Object.entries(figures)) expect(value, name).toBeCloseTo(plain[i][name], 4);
    }
  });
});

describe('a policy learner', () => {
  it('makes rewarded lists likelier and the others less likely', async () => {
    const model = load('llama');
    const before = await logprobs(model, groups, policy);
    const learner = await createPolicyLearner(model, policy);
    const figures = await learner.update(scored(before), 1e-3);
    await learner.release();
    const after = await logprobs(model, groups, policy);
    const change = (list: number): number =>
      mean(after.map((lists) => lists[list])) - mean(before.map((lists) => lists[list]));
    expect(change(1)).toBeGreaterThan(0);
    expect(change(3)).toBeLessThan(0);
    expect(Math.abs(figures.loss)).toBeLessThan(1e-5);
    expect(figures.clip_low + figures.clip_high).toBe(0);
    expect(figures.length).toBeCloseTo(19 / 4, 6);
    expect(figures.tokens).toBe(39 + 3 * 19);
  });

  it('takes no harm from padding, which has no reference, where the policy is sharp', async () => {
    const model = load('llama');
    const sharp = { ...policy, temperature: 0.01, klWeight: 0.05 };
    const known = await logprobs(model, groups, sharp);
    const learner = await createPolicyLearner(model, sharp);
    const figures = await learner.update(
      scored(known).map(({ prompt, completions }, i) => ({
        prompt,
        completions: completions.map((list, j) => ({ ...list, reference: known[i][j] })),
      })),
      1e-4,
    );
    await learner.release();
    expect(figures.kl_reference).toBeCloseTo(0, 3);
  });

  it('learns nothing from masked lists', async () => {
    const model = load('llama');
    const learner = await createPolicyLearner(model, policy);
    const all = scored(await logprobs(model, groups, policy)).map(({ prompt, completions }) => ({
      prompt,
      completions: completions.map((one) => ({ ...one, masked: true })),
    }));
    const figures = await learner.update(all, 1e-3);
    await learner.release();
    expect(figures.gradient_norm).toBe(0);
  });

  it('goes on from a saved state equal to the bit', async () => {
    const model = load('llama');
    const batch = scored(await logprobs(model, groups, policy));
    await continuesEqual(model, load('llama'), async (one) => {
      const learner = await createPolicyLearner(one, { ...policy, loss: 'gspo' });
      return { learner, step: () => learner.update(batch, 1e-3) };
    });
  });

  it('takes with micro-batches the step of the whole batch, within 1e-5', async () => {
    const [whole, parts] = [load('qwen2'), load('qwen2')];
    const batch = scored(await logprobs(whole, groups, policy));
    // An epsilon above the rounding of gradients: Adam's first steps divide by them.
    const of = (model: LanguageModel, microBatchTokens: number): Promise<PolicyLearner> =>
      createPolicyLearner(model, { ...policy, adamw: { ...adamw, epsilon: 1e-4 }, microBatchTokens });
    const [one, two] = [await of(whole, 4096), await of(parts, 64)];
    expect([4096, 64].map((tokens) => packGroups(groups, tokens).length)).toEqual([1, 2]);
    for (let step = 0; step < 3; step++) {
      const together = await one.update(batch, 1e-3);
      const apart = await two.update(batch, 1e-3);
      expect(Math.abs(apart.gradient_norm / together.gradient_norm - 1)).toBeLessThan(1e-5);
      expect(Math.abs(apart.loss - together.loss)).toBeLessThan(1e-5);
    }
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

  it('is after 20 steps equal to the bit, in one process or in three', { timeout: 120_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'newshound-restarts-'));
    const run = async (from: number, to: number, before: string, after: string): Promise<void> => {
      const script = join(import.meta.dirname, 'training-process.ts');
      const files = [before === '-' ? before : join(folder, before), join(folder, after)];
      await promisify(execFile)(process.execPath, [script, String(from), String(to), ...files]);
    };
    await run(0, 20, '-', 'through');
    await run(0, 7, '-', 'seven');
    await run(7, 13, 'seven', 'thirteen');
    await run(13, 20, 'thirteen', 'restarted');
    const [through, restarted] = [readFileSync(join(folder, 'through')), readFileSync(join(folder, 'restarted'))];
    expect(restarted.equals(through)).toBe(true);
    expect(restarted.equals(readFileSync(join(folder, 'thirteen')))).toBe(false);
  });

  it('refuses log-probabilities that do not fit their tokens', async () => {
    const learner = await createPolicyLearner(load('llama'), policy);
    const broken = scored(groups.map(({ completions }) => completions.map(() => new Float32Array(3))));
    await expect(learner.update(broken, 1e-3)).rejects.toThrow(/a list of 4 tokens has 3 sampling log-prob/);
    await expect(learner.update([], 1e-3)).rejects.toThrow(/at least one group/);
  });
});

describe('a supervised learner', () => {
  it('reads a prompt that examples share once, with the loss of prompts apart within 1e-5', async () => {
    const [{ prompt, completions }] = groups;
    const learner = await createSupervised(load('llama'), settings);
    const shared = await learner.evaluate(completions.map((completion) => ({ prompt, completion })));
    const apart = await learner.evaluate(completions.map((completion) => ({ prompt: prompt.slice(), completion })));
    await learner.release();
    expect(Math.abs(shared - apart)).toBeLessThan(1e-5);
  });

  it('has the loss that log-probabilities at its temperature give', async () => {
    const examples = groups.flatMap(({ prompt, completions }) =>
      completions.map((completion) => ({ prompt, completion })),
    );
    const losses = await Promise.all(
      [0.4, 1].map(async (temperature) => {
        const learner = await createSupervised(load('llama'), { ...settings, temperature });
        const [loss, scores] = [
          await learner.evaluate(examples),
          await logprobs(load('llama'), groups, { threads: 1, temperature }),
        ];
        await learner.release();
        const all = scores.flat().flatMap((of) => [...of]);
        expect(Math.abs(loss + all.reduce((sum, value) => sum + value, 0) / all.length)).toBeLessThan(1e-5);
        return loss;
      }),
    );
    expect(losses[0]).not.toBeCloseTo(losses[1], 2);
  });

  it('learns its examples from random weights', async () => {
    const { config, tokenizer } = load('llama');
    const model = { config, tokenizer, parameters: initialParameters(config, 1) };
    const learner = await createSupervised(model, settings);
    const examples = groups
      .flatMap(({ prompt, completions }) => completions.map((completion) => ({ prompt, completion })))
      .slice(0, 4);
    const first = await learner.evaluate(examples);
    for (let i = 0; i < 40; i++) await learner.step(examples, 1e-2);
    const last = await learner.evaluate(examples);
    await learner.release();
    expect(first).toBeGreaterThan(5);
    expect(last).toBeLessThan(first / 2);
  });
});

describe('a distiller', () => {
  it.each(['reverse_kl', 'forward_kl', 'jsd'] as const)(
    'brings the student nearer to a teacher with a wider, padded table (%s)',
    async (divergence) => {
      const [student, teacher] = [load('llama'), load('qwen2-padded')];
      const distiller = await createDistiller(student, teacher, { ...settings, divergence, temperature: 1 });
      const figures = [];
      for (let i = 0; i < 12; i++) figures.push(await distiller.step(groups, 3e-3));
      await distiller.release();
      expect(figures[0].loss).toBeGreaterThan(0);
      expect(figures[11].loss).toBeLessThan(0.9 * figures[0].loss);
    },
  );

  it('finds no divergence of a model from itself', async () => {
    const distiller = await createDistiller(load('qwen2'), load('qwen2'), {
      ...settings,
      divergence: 'reverse_kl',
      temperature: 1,
    });
    const { loss } = await distiller.step(groups, 1e-3);
    await distiller.release();
    expect(Math.abs(loss)).toBeLessThan(1e-5);
  });

  it('goes on from a saved state equal to the bit', async () => {
    await continuesEqual(load('llama'), load('llama'), async (one) => {
      const learner = await createDistiller(one, load('qwen2'), {
        ...settings,
        divergence: 'reverse_kl',
        temperature: 1,
      });
      return { learner, step: () => learner.step(groups, 1e-3) };
    });
  });
});

/** First and second list good, third neutral, last one bad. */
function scored(sampled: readonly Float32Array[][]): ScoredGroup[] {
  return groups.map(({ prompt, completions }, g) => ({
    prompt,
    completions: completions.map((list, i) => ({
      tokens: list,
      logprobs: sampled[g][i],
      advantage: [0, 1, 0, -4 / 3][i],
      masked: false,
    })),
  }));
}

async function continuesEqual(
  through: LanguageModel,
  resumed: LanguageModel,
  create: (model: LanguageModel) => Promise<{ learner: Learner; step: () => Promise<unknown> }>,
): Promise<void> {
  const one = await create(through);
  await one.step();
  const saved = one.learner.state();
  await one.step();
  const two = await create(resumed);
  await two.learner.load(saved);
  await two.step();
  expect(two.learner.state()).toEqual(one.learner.state());
  expect(resumed.parameters).toEqual(through.parameters);
  await one.learner.release();
  await two.learner.release();
}
