import { describe, expect, it } from 'vitest';
import { NumericsError } from '../../lib/errors.ts';
import { Random } from '../../lib/random.ts';
import {
  type Completion,
  createDecoder,
  type DecoderSettings,
  type GenerateRequest,
} from '../../lib/tensor/decoder.ts';
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

async function generate(more: Partial<GenerateRequest> = {}, settings: Partial<DecoderSettings> = {}) {
  const decoder = createDecoder(model, { threads: 1, ...settings });
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

  it('writes as a new one would, to the bit, when it is refreshed before the weights change', async () => {
    const changing = loadLanguageModel(`${import.meta.dirname}/../oracle/data/models/llama`);
    const decoder = createDecoder(changing, { threads: 1 });
    const before = await decoder.generate(request);
    await decoder.refresh();
    for (const { data } of changing.parameters.values()) for (let i = 0; i < data.length; i += 3) data[i] *= 1.1;
    const after = await decoder.generate(request);
    await decoder.release();
    expect(after).not.toEqual(before);
    const other = createDecoder(changing, { threads: 1 });
    expect(await other.generate(request)).toEqual(after);
    await other.release();
  });

  it.each([1, 2])(
    'writes a list that depends on its prompt and key, to the bit, not on what is beside it (%i threads)',
    async (threads) => {
      const together = await generate({}, { threads });
      for (const rows of [2, 6, 9, 40]) expect(await generate({}, { threads, rows })).toEqual(together);
      expect(await generate({}, { threads, cacheBytes: 1 })).toEqual(together);
      const some = [5, 2, 3];
      const key: GenerateRequest['key'] = (prompt, sample) => ['test', some[prompt], sample];
      const fewer = await generate({ prompts: some.map((i) => prompts[i]), key }, { threads });
      expect(fewer).toEqual(some.map((i) => together[i]));
      const alone = await generate({ prompts: prompts.slice(0, 1) }, { threads });
      expect(alone[0]).toEqual(together[0]);
      const single = await generate({ samples: 1 }, { threads });
      expect(tokensOf(single)).toEqual(tokensOf(together.map((group) => group.slice(0, 1))));
      for (const rows of [2, 3]) expect(await generate({ samples: 1 }, { threads, rows })).toEqual(single);
    },
  );

  it('writes a lone list as in company but for rounding: its log-probabilities differ by less than 1e-5', async () => {
    const together = await generate();
    for (const [i, prompt] of prompts.entries()) {
      const [[alone]] = await generate({ prompts: [prompt], samples: 1, key: () => ['test', i, 3] });
      const { tokens, logprobs } = together[i][3];
      expect(alone.tokens).toEqual(tokens);
      alone.logprobs.forEach((value, at) => expect(Math.abs(value - logprobs[at])).toBeLessThan(1e-5));
    }
  });

  it('gives the place of a list that ended to one that waits', async () => {
    const order: string[] = [];
    const lists = await generate({ onEnd: (prompt, sample) => order.push(`${prompt} ${sample}`) }, { rows: 6 });
    expect(order.toSorted()).toEqual(
      lists.flatMap((group, i) => group.map((_, sample) => `${i} ${sample}`)).toSorted(),
    );
    // One prompt's lists at a time would end prompt by prompt.
    const prompt = order.map((one) => one.split(' ')[0]);
    expect(prompt.filter((one, i) => i > 0 && one !== prompt[i - 1]).length).toBeGreaterThan(prompts.length - 1);
  });

  it('ends a list with its stop token, or cuts it at the longest length', async () => {
    for (const { tokens, logprobs, finished } of (await generate()).flat()) {
      expect(logprobs.length).toBe(tokens.length);
      expect(request.stopIds.includes(tokens[tokens.length - 1])).toBe(finished);
      expect(tokens.slice(0, -1).some((token) => request.stopIds.includes(token))).toBe(false);
      if (!finished) expect(tokens.length).toBe(30);
    }
  });

  it('gives log-probabilities under what was sampled from, and under the policy', async () => {
    for (const narrow of [{ topK: 7 }, { topP: 0.6 }, { minP: 0.2 }, { topK: 20, topP: 0.8, minP: 0.05 }]) {
      const lists = await generate(narrow);
      const groups = prompts.map((prompt, i) => ({ prompt, completions: lists[i].map(({ tokens }) => tokens) }));
      const { logprobs } = await scoreTokens(model, groups, { temperature: request.temperature, threads: 1 });
      for (const [i, group] of lists.entries()) {
        for (const [sample, list] of group.entries()) {
          list.policyLogprobs.forEach((value, at) =>
            expect(Math.abs(value - logprobs[i][sample][at])).toBeLessThan(1e-4),
          );
          // What was kept weighs less than all: each kept token gains the same factor.
          list.logprobs.forEach((value, at) => expect(value).toBeGreaterThan(list.policyLogprobs[at] - 1e-6));
        }
      }
      for (const group of lists) {
        const gains = group.map((list) => list.logprobs[0] - list.policyLogprobs[0]);
        for (const gain of gains) expect(gain).toBeCloseTo(gains[0], 4);
        expect(gains[0]).toBeGreaterThan(0.01);
      }
    }
  });

  it('samples within its filters, with log-probabilities of the filtered distribution', async () => {
    const [[only]] = await generate({ prompts: [prompts[0]], samples: 1, topK: 1 });
    const [[greedy]] = await generate({ prompts: [prompts[0]], samples: 1, temperature: 0 });
    expect(only.tokens).toEqual(greedy.tokens);
    expect(only.logprobs.every((value) => value === 0)).toBe(true);
    expect(greedy.logprobs.every((value) => value < 0)).toBe(true);
  });

  it('writes one token, nothing for no prompts, and refuses to write no lists', async () => {
    expect((await generate({ maxTokens: 1 })).flat().every(({ tokens }) => tokens.length === 1)).toBe(true);
    expect(await generate({ prompts: [] })).toEqual([]);
    await expect(generate({ samples: 0 })).rejects.toThrow(/0 lists of \d+ tokens: both must be at least 1/);
  });

  it('refuses an empty prompt, a token outside the vocabulary, and a model whose weights are not finite', async () => {
    await expect(generate({ prompts: [new Int32Array(0)] })).rejects.toThrow(/prompt 0 is empty/);
    await expect(generate({ prompts: [prompts[0], Int32Array.of(1, 512)] })).rejects.toThrow(
      /prompt 1 holds token id 512/,
    );
    const broken = new Map(model.parameters);
    broken.set('model.norm.weight', { shape: [48], data: new Float32Array(48).fill(Number.NaN) });
    const decoder = createDecoder({ config: model.config, parameters: broken }, { threads: 1 });
    const error = await decoder.generate(request).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NumericsError);
    expect(error).toMatchObject({
      tensor: 'model.norm.weight',
      message: expect.stringMatching(/: model\.norm\.weight holds numbers that are not finite$/),
    });
    await decoder.release();
  });
});

function tokensOf(lists: readonly Completion[][]): Int32Array[][] {
  return lists.map((group) => group.map(({ tokens }) => tokens));
}
