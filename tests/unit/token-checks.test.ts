import { describe, expect, it } from 'vitest';
import { DataError } from '../../lib/errors.ts';
import { createDecoder, type GenerateRequest } from '../../lib/tensor/decoder.ts';
import { type LanguageModel, loadLanguageModel } from '../../lib/tensor/language-model.ts';
import {
  createDistiller,
  createPolicyLearner,
  createSupervised,
  type ScoredGroup,
  scoreTokens,
} from '../../lib/tensor/learner.ts';

const folder = `${import.meta.dirname}/../oracle/data/models/llama`;
const model = loadLanguageModel(folder);
const adamw = { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0, gradientNorm: 1 } as const;

describe('a decoder', () => {
  const request: GenerateRequest = {
    prompts: [Int32Array.of(5, 6, 7)],
    samples: 2,
    temperature: 0.8,
    topK: 0,
    topP: 1,
    minP: 0,
    maxTokens: 30,
    stopIds: [],
    key: (prompt, sample) => ['test', prompt, sample],
  };
  const generate = async (more: Partial<GenerateRequest>) => {
    const decoder = createDecoder(model, { threads: 1 });
    try {
      return await decoder.generate({ ...request, ...more });
    } finally {
      await decoder.release();
    }
  };

  it.each([
    ['an empty prompt', [Int32Array.of(5), new Int32Array(0)], /prompt 1 is empty/],
    ['an id out of the vocabulary', [Int32Array.of(4, 512)], /prompt 0 holds token id 512, .* has 512 rows/],
    ['a negative id', [Int32Array.of(-1)], /prompt 0 holds token id -1/],
    [
      'a prompt that leaves no room for its lists',
      [new Int32Array(99).fill(5)],
      /prompt 0 has 99 tokens and up to 30 follow, the model has 128 positions\. Lower teacher\.rollout\.maxPromptTokens/,
    ],
  ])('refuses %s', async (_, prompts, message) => {
    const error: unknown = await generate({ prompts }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DataError);
    expect(String(error)).toMatch(message);
  });

  it('reads a prompt that just leaves room', async () => {
    const [[list]] = await generate({ prompts: [new Int32Array(98).fill(5)] });
    expect(list.tokens.length).toBe(30);
  });

  it('refuses a request for no lists, for no tokens, and at no temperature', async () => {
    await expect(generate({ samples: 0 })).rejects.toThrow(/0 lists of 30 tokens/);
    await expect(generate({ maxTokens: 0 })).rejects.toThrow(/2 lists of 0 tokens/);
    await expect(generate({ temperature: Number.NaN })).rejects.toThrow(/temperature must be 0 or more/);
  });
});

describe('a learner', () => {
  const good: ScoredGroup = {
    prompt: Int32Array.of(5, 6, 7),
    completions: [4, 8].map((length) => ({
      tokens: new Int32Array(length).fill(9),
      logprobs: new Float32Array(length).fill(-6),
      advantage: 1,
      masked: false,
    })),
  };

  it.each([
    ['no groups', [], /nothing to learn from/],
    ['a group without lists', [{ ...good, completions: [] }], /nothing to learn from/],
    ['an empty prompt', [good, { ...good, prompt: new Int32Array() }], /the prompt of group 1 is empty/],
    [
      'an id out of the vocabulary',
      [{ ...good, completions: [{ ...good.completions[0], tokens: Int32Array.of(5, 6, 512, 7) }] }],
      /list 0 of group 0 holds token id 512, the model's table has 512 rows/,
    ],
    [
      'more tokens than the model has positions',
      [{ ...good, prompt: new Int32Array(122).fill(5) }],
      /list 1 of group 0 has 8 tokens after a prompt of 122, the model has 128 positions/,
    ],
  ])('refuses %s, and nothing is changed', async (_, groups, message) => {
    const own = loadLanguageModel(folder);
    const learner = await createPolicyLearner(own, {
      adamw,
      threads: 1,
      loss: 'dr_grpo',
      clipLow: 0.2,
      clipHigh: 0.2,
      klWeight: 0,
      maxListTokens: 8,
      temperature: 0.6,
    });
    const error: unknown = await learner.update(groups, 1e-3).catch((reason: unknown) => reason);
    await learner.release();
    expect(error).toBeInstanceOf(DataError);
    expect(String(error)).toMatch(message);
    expect(own.parameters).toEqual(model.parameters);
  });

  it('from a teacher reads ids of rows that no token has, where both models have the row', async () => {
    const padded = (): LanguageModel => loadLanguageModel(folder.replace('llama', 'qwen2-padded'));
    const settings = { adamw, threads: 1, divergence: 'reverse_kl', temperature: 1 } as const;
    const lists = [{ prompt: Int32Array.of(4), completions: [Int32Array.of(512)] }];
    const both = await createDistiller(padded(), padded(), settings);
    expect((await both.step(lists, 1e-3)).loss).toBeCloseTo(0, 5);
    await both.release();
    const one = await createDistiller(padded(), model, settings);
    await expect(one.step(lists, 1e-3)).rejects.toThrow(/list 0 of group 0 holds token id 512/);
    await one.release();
  });

  it('refuses what it cannot read when it learns from examples and when it scores, too', async () => {
    const learner = await createSupervised(loadLanguageModel(folder), { adamw, threads: 1 });
    const wrong = { prompt: Int32Array.of(600), completion: Int32Array.of(4) };
    await expect(learner.step([wrong], 1e-3)).rejects.toThrow(/the prompt of group 0 holds token id 600/);
    await expect(learner.evaluate([wrong])).rejects.toThrow(/token id 600/);
    await learner.release();
    const groups = [{ prompt: Int32Array.of(4), completions: [Int32Array.of(-2)] }];
    await expect(scoreTokens(model, groups, { temperature: 1, threads: 1 })).rejects.toThrow(/token id -2/);
  });
});
