import { describe, expect, it } from 'vitest';
import { NumericsError } from '../../lib/errors.ts';
import { Random } from '../../lib/random.ts';
import { createDecoder, type GenerateRequest } from '../../lib/tensor/decoder.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { scoreTokens } from '../../lib/tensor/learner.ts';

const model = loadLanguageModel(`${import.meta.dirname}/../oracle/data/models/llama`);
const random = new Random('decoder test');
const prompts = [5, 70, 23, 1, 33, 64].map((length) => Int32Array.from({ length }, () => 3 + random.integer(500)));
/** A sixteenth of the vocabulary ends a list: lengths differ widely, and batches shrink on the way. */
const request: GenerateRequest = {
  prompts,
  samples: 6,
  temperature: 0.8,
  topK: 0,
  topP: 1,
  minP: 0,
  maxTokens: 30,
  stopIds: Array.from({ length: 32 }, (_, i) => i * 16),
  key: (prompt, sample) => ['test', prompt, sample],
};

async function generate(more: Partial<GenerateRequest> = {}, rows?: number) {
  const decoder = createDecoder(model, { threads: 1, rows });
  try {
    return await decoder.generate({ ...request, ...more });
  } finally {
    await decoder.release();
  }
}

describe('a decoder', () => {
  it('gives the log-probabilities that the model gives when it reads the finished lists', async () => {
    const lists = await generate();
    const groups = prompts.map((prompt, i) => ({ prompt, completions: lists[i].map(({ tokens }) => tokens) }));
    const { logprobs } = await scoreTokens(model, groups, { temperature: request.temperature, threads: 1 });
    for (const [i, group] of lists.entries()) {
      for (const [sample, list] of group.entries()) {
        list.logprobs.forEach((value, at) => expect(Math.abs(value - logprobs[i][sample][at])).toBeLessThan(1e-4));
      }
    }
    const lengths = lists.flat().map(({ tokens }) => tokens.length);
    expect(Math.min(...lengths)).toBeLessThan(5);
    expect(Math.max(...lengths)).toBe(30);
  });

  it('gives equal lists to the bit when it is asked again, and when another decoder is asked', async () => {
    const decoder = createDecoder(model, { threads: 1 });
    const first = await decoder.generate(request);
    expect(await decoder.generate(request)).toEqual(first);
    await decoder.release();
    expect(await generate()).toEqual(first);
  });

  it('writes a list that depends on its prompt and key, not on what is decoded beside it', async () => {
    const together = await generate();
    const apart = await generate({}, 1);
    const alone = await generate({ prompts: [prompts[2]], samples: 1, key: () => ['test', 2, 3] });
    const tokens = (lists: typeof together) => lists.map((group) => group.map((list) => Array.from(list.tokens)));
    expect(tokens(apart)).toEqual(tokens(together));
    expect(tokens(alone)[0][0]).toEqual(tokens(together)[2][3]);
  });

  it('ends a list with its stop token, or cuts it at the longest length', async () => {
    for (const { tokens, logprobs, finished } of (await generate()).flat()) {
      expect(logprobs.length).toBe(tokens.length);
      expect(request.stopIds.includes(tokens[tokens.length - 1])).toBe(finished);
      expect(tokens.slice(0, -1).some((token) => request.stopIds.includes(token))).toBe(false);
      if (!finished) expect(tokens.length).toBe(30);
    }
  });

  it('samples within its filters, with log-probabilities of the filtered distribution', async () => {
    const [[only]] = await generate({ prompts: [prompts[0]], samples: 1, topK: 1 });
    const [[greedy]] = await generate({ prompts: [prompts[0]], samples: 1, temperature: 0 });
    expect(only.tokens).toEqual(greedy.tokens);
    expect(only.logprobs.every((value) => value === 0)).toBe(true);
    expect(greedy.logprobs.every((value) => value < 0)).toBe(true);
  });

  it('writes one token, and nothing for no prompts', async () => {
    expect((await generate({ maxTokens: 1 })).flat().every(({ tokens }) => tokens.length === 1)).toBe(true);
    expect(await generate({ prompts: [] })).toEqual([]);
  });

  it('refuses an empty prompt, and a model whose weights are not finite', async () => {
    await expect(generate({ prompts: [new Int32Array(0)] })).rejects.toThrow(/prompt 0 is empty/);
    const broken = new Map(model.parameters);
    broken.set('model.norm.weight', { shape: [48], data: new Float32Array(48).fill(Number.NaN) });
    const decoder = createDecoder({ config: model.config, parameters: broken }, { threads: 1 });
    await expect(decoder.generate(request)).rejects.toThrow(NumericsError);
    await decoder.release();
  });
});
