import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reader } from '../../lib/data/rows.ts';
import { rolloutSettings } from '../../lib/pipeline/policy-settings.ts';
import { type Completion, createDecoder, type GenerateRequest } from '../../lib/tensor/decoder.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { beforeStop, stopStrings } from '../../lib/tensor/stop-strings.ts';
import { writeLists } from '../../lib/training/lists.ts';

const model = loadLanguageModel(`${import.meta.dirname}/../oracle/data/models/llama`);
const { tokenizer } = model;
const encode = (text: string): number[] => tokenizer.encodeText(text);

/** How many of some tokens a list holds when it ends, all where none ends it. */
function lengthOf(tokens: readonly number[], strings: readonly string[]): number {
  const ends = stopStrings(strings, tokenizer);
  const last = tokens.findIndex((_, i) => ends(tokens.slice(0, i + 1)));
  return last < 0 ? tokens.length : last + 1;
}

describe('stop strings', () => {
  it('end a list with the token with which its decoded text first holds one, wherever tokens are cut', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', 'the', 'é', '東', '🙂'), maxLength: 12 });
    const stop = fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'é', '🙂'), minLength: 1, maxLength: 3 });
    // Encoded apart, so that a string can be spelled in more ways than one.
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 4 }),
        fc.array(stop, { minLength: 1, maxLength: 3 }),
        (texts, strings) => {
          const tokens = texts.flatMap(encode);
          const first = tokens.findIndex((_, i) => {
            const decoded = tokenizer.decode(tokens.slice(0, i + 1));
            return strings.some((string) => decoded.includes(string));
          });
          expect(lengthOf(tokens, strings)).toBe(first < 0 ? tokens.length : first + 1);
        },
      ),
    );
  });

  it('may be one byte of a token, several tokens, or a special token spelled out', () => {
    const tokens = encode('the harbour\n\nthe end');
    const whole = tokenizer.decode(tokens.slice(0, lengthOf(tokens, ['\n\n'])));
    expect(whole).toBe('the harbour\n\n');
    expect(lengthOf(encode('harbour'), ['harbour'])).toBe(encode('harbour').length);
    expect(encode('harbour').length).toBeGreaterThan(1);
    const [end] = tokenizer.stopIds;
    expect(lengthOf([...tokens, end, ...tokens], [tokenizer.decode([end])])).toBe(tokens.length + 1);
    expect(lengthOf(tokens, [])).toBe(tokens.length);
  });

  it('leave the text before the first of them', () => {
    expect(beforeStop('one. two! three', ['!', '. '])).toBe('one');
    expect(beforeStop('one', ['!'])).toBe('one');
    expect(beforeStop('!', ['!'])).toBe('');
  });

  it('are refused where one is empty', () => {
    expect(() => stopStrings(['a', ''], tokenizer)).toThrow(/a stop string is empty/);
  });
});

describe('a decoder with stop strings', () => {
  const request: GenerateRequest = {
    prompts: [4, 40, 17].map((length, i) => Int32Array.from({ length }, (_, at) => 3 + ((at * 7 + i * 31) % 500))),
    samples: 5,
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    maxTokens: 24,
    stopIds: tokenizer.stopIds,
    key: (prompt, sample) => ['stop strings', prompt, sample],
  };
  const strings = ['re', '\n', ' s'];
  const generate = async (more: Partial<GenerateRequest>, rows?: number): Promise<Completion[]> => {
    const decoder = createDecoder(model, { threads: 1, rows });
    try {
      return (await decoder.generate({ ...request, ...more })).flat();
    } finally {
      await decoder.release();
    }
  };

  it('writes the first tokens of the lists it writes without them, with their log-probabilities, to the bit', async () => {
    const [free, stopped] = [await generate({}), await generate({ stopWhen: stopStrings(strings, tokenizer) })];
    let ended = 0;
    for (const [i, { tokens, logprobs, policyLogprobs, finished }] of stopped.entries()) {
      const length = lengthOf([...free[i].tokens], strings);
      expect(tokens).toEqual(free[i].tokens.subarray(0, length));
      expect(logprobs).toEqual(free[i].logprobs.subarray(0, length));
      expect(policyLogprobs).toEqual(free[i].policyLogprobs.subarray(0, length));
      const text = tokenizer.decode(tokens);
      const holds = strings.some((string) => text.includes(string));
      expect(finished).toBe(holds || free[i].finished);
      if (holds) ended++;
    }
    expect(ended).toBeGreaterThan(5);
    expect(stopped.some(({ tokens }) => tokens.length === 24)).toBe(true);
  });

  it('writes lists that do not depend on what is beside them, to the bit', async () => {
    const stopWhen = stopStrings(strings, tokenizer);
    const together = await generate({ stopWhen });
    for (const rows of [2, 5, 9]) expect(await generate({ stopWhen }, rows)).toEqual(together);
  });

  it('gives the pipeline lists whose text ends before the string, and whose tokens hold it', async () => {
    const settings = rolloutSettings.parse({ stop: strings, maxPromptTokens: 440, maxListTokens: 24, temperature: 1 });
    const readers = ['a', 'b'].map((readerId): Reader => {
      const signals = [{ kind: 'search' as const, text: `harbour strike ${readerId}`, at: 0, articleId: null }];
      return { readerId, split: 'train', cutoff: 1, cold: false, signals, clicked: [] };
    });
    const longer = { ...model, config: { ...model.config, maxPositions: 512 } };
    const decoder = createDecoder(longer, { threads: 1 });
    const lists = await writeLists(readers, {
      decoder,
      tokenizer,
      settings,
      samples: 8,
      stream: (readerId, sample) => ['stop strings', readerId, sample],
    });
    await decoder.release();
    const ended = lists.flat().filter(({ finished }) => finished);
    expect(ended.length).toBeGreaterThan(3);
    for (const { text, tokens } of ended) {
      const whole = tokenizer.decode(tokens);
      expect(whole.startsWith(text)).toBe(true);
      expect(whole.length).toBeGreaterThan(text.length);
      expect(strings.some((string) => text.includes(string))).toBe(false);
    }
  });
});
