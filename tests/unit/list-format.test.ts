import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../lib/errors.ts';
import { listFormat } from '../../lib/method/list-format.ts';
import { parseList, plainText } from '../../lib/method/prompt.ts';
import { Random } from '../../lib/random.ts';
import { createDecoder, type GenerateRequest, type Place } from '../../lib/tensor/decoder.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { initialParameters } from '../../lib/tensor/llama.ts';
import { openTokenizer, type Tokenizer } from '../../lib/tensor/tokenizer.ts';

const model = loadLanguageModel(`${import.meta.dirname}/../oracle/data/models/llama`);
const { tokenizer } = model;
const [stop] = tokenizer.stopIds;

/** Follows the ids of a text and its end; the number of the first that is not allowed, null where all are. */
function refusedAt(text: string): number | null {
  let place = listFormat(tokenizer);
  for (const [i, id] of [...tokenizer.encodeText(text), stop].entries()) {
    if (place.allowed(100)[id] !== 1) return i;
    if (id !== stop) place = place.after(id);
  }
  return null;
}

/** What the constraint does not count. */
function differentLines(text: string): number {
  return new Set(text.split('\n').map((line) => plainText(line))).size;
}

describe('the list format', () => {
  it.each([
    'three\nshort\nlines',
    ' one two three four five six seven\n a\n b\n c\n d',
    'café crème\n東京 温泉\nü',
    'it’s 20 % off!\n"quoted" (text)\n🙂 x',
  ])('takes %j', (text) => {
    expect(parseList(text, true).valid).toBe(true);
    expect(refusedAt(text)).toBeNull();
  });

  it.each([
    'one line',
    'two\nlines',
    'a\n\nb\nc',
    '\na\nb\nc',
    'a\nb\nc\n',
    'a\nb\nc\nd\ne\nf',
    '1 2 3 4 5 6 7 8\nb\nc',
    'tab\there\nb\nc',
    'a <|endoftext|>\nb\nc',
    'zero\u200bwidth\nb\nc',
    'private\ue000\nb\nc',
    `${'long'.repeat(31)}\nb\nc`,
  ])('refuses %j', (text) => {
    expect(parseList(text, true).valid).toBe(false);
    expect(refusedAt(text)).not.toBeNull();
  });

  it('takes one space where the format would take more', () => {
    const text = 'spaces  at\nb\nc';
    expect(parseList(text, true).valid).toBe(true);
    expect(refusedAt(text)).not.toBeNull();
    expect(refusedAt('a space at \n the end \n x')).toBeNull();
  });

  it('lets any walk that it allows end as a valid list, where its lines differ, however few tokens are left', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 6, max: 60 }), (seed, most) => {
        const random = new Random('walk', seed);
        const ids: number[] = [];
        for (let place: Place = listFormat(tokenizer); ; ) {
          const allowed = place.allowed(most - ids.length);
          const choices = Array.from(allowed.keys()).filter((id) => allowed[id] === 1);
          expect(choices.length).toBeGreaterThan(0);
          // Bytes above ASCII are half of this vocabulary: characters are begun and must be finished.
          const id = random.pick(choices);
          if (id === stop) break;
          ids.push(id);
          place = place.after(id);
        }
        expect(ids.length).toBeLessThan(most);
        const text = tokenizer.decode(ids);
        expect(parseList(text, true).valid, JSON.stringify(text)).toBe(differentLines(text) >= 3);
      }),
      { numRuns: 300 },
    );
  });

  it('goes without its limit where no list can be ended in the tokens that are left', () => {
    expect(
      listFormat(tokenizer)
        .allowed(4)
        .some((one) => one === 1),
    ).toBe(true);
  });

  it('is worked out once a tokenizer', () => {
    expect(listFormat(tokenizer)).toBe(listFormat(tokenizer));
    const place = listFormat(tokenizer);
    expect(place.allowed(40)).toBe(place.allowed(50));
  });

  it('reads SentencePiece spelling, and refuses a tokenizer whose spelling it does not know', () => {
    const vocab = Object.fromEntries(['<unk>', '</s>', '<0x0A>', '▁news', '▁', 'a'].map((token, id) => [token, id]));
    const special = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    const decoder = { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }] };
    const json = {
      version: '1.0',
      added_tokens: ['<unk>', '</s>'].map((content, id) => ({ id, content, ...special })),
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder,
      model: { type: 'BPE', vocab, merges: [], unk_token: '<unk>', byte_fallback: true, fuse_unk: true },
    };
    const spelled = openTokenizer(json);
    const start = listFormat(spelled);
    expect(Array.from(start.allowed(20))).toEqual([0, 0, 0, 1, 1, 1]);
    // Behind a space that begins the line no other space may come.
    expect(Array.from(start.after(4).allowed(20))).toEqual([0, 0, 0, 0, 0, 1]);
    expect(Array.from(start.after(3).allowed(20))).toEqual([0, 0, 1, 1, 1, 1]);
    expect(Array.from(start.after(3).after(2).after(5).after(2).after(5).allowed(20))).toEqual([0, 1, 1, 1, 1, 1]);
    const other: Tokenizer = { ...spelled, files: { ...spelled.files, tokenizer: { ...json, decoder: null } } };
    expect(() => listFormat(other)).toThrow(CheckpointError);
  });
});

describe('a decoder with the list format', () => {
  const prompts = [4, 31, 12].map((length, i) => Int32Array.from({ length }, (_, at) => 5 + ((at * 13 + i * 7) % 400)));
  const request: GenerateRequest = {
    prompts,
    samples: 8,
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    maxTokens: 24,
    stopIds: tokenizer.stopIds,
    key: (prompt, sample) => ['format', prompt, sample],
    constraint: listFormat(tokenizer),
  };

  // Random weights: nothing but the constraint makes a list.
  it.each([{}, { temperature: 0 }, { topK: 5, topP: 0.9 }])(
    'writes nothing but valid lists, where three lines differ (%j)',
    async (more) => {
      const { config } = model;
      const decoder = createDecoder({ config, parameters: initialParameters(config, 3) }, { threads: 1 });
      const lists = (await decoder.generate({ ...request, ...more })).flat();
      await decoder.release();
      for (const { tokens, finished, logprobs } of lists) {
        const text = tokenizer.decode(tokens.subarray(0, -1));
        expect(parseList(text, finished).valid, JSON.stringify(text)).toBe(differentLines(text) >= 3);
        expect(logprobs.every((value) => value <= 0 && Number.isFinite(value))).toBe(true);
      }
    },
  );

  it('gives the log-probabilities of the constrained distribution, and those of the policy beside them', async () => {
    const decoder = createDecoder(model, { threads: 1 });
    const free = await decoder.generate({ ...request, constraint: undefined, maxTokens: 1, samples: 1 });
    for (const { logprobs, policyLogprobs } of free.flat()) expect(policyLogprobs).toEqual(logprobs);
    const lists = await decoder.generate(request);
    await decoder.release();
    const first = listFormat(tokenizer).allowed(request.maxTokens);
    for (const group of lists) {
      // The probability of what is allowed is that by which the constrained distribution was divided.
      const masses = group.map(({ logprobs, policyLogprobs }) => Math.exp(policyLogprobs[0] - logprobs[0]));
      for (const mass of masses) expect(mass).toBeCloseTo(masses[0], 5);
      expect(masses[0]).toBeLessThan(1);
      for (const { tokens, logprobs, policyLogprobs } of group) {
        expect(first[tokens[0]]).toBe(1);
        logprobs.forEach((value, i) => expect(value).toBeGreaterThanOrEqual(policyLogprobs[i] - 1e-6));
      }
    }
  });
});
