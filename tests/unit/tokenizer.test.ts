import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../lib/errors.ts';
import { trainByteBpe } from '../../lib/tensor/bpe.ts';
import { chatPieces, renderChat } from '../../lib/tensor/chat.ts';
import { openTokenizer } from '../../lib/tensor/tokenizer.ts';

const specials = ['<|endoftext|>', '<|pad|>', '<|list|>'];
const texts = Array.from(
  { length: 50 },
  (_, i) => `the council voted on the budget ${i}; the vote was late, the mayor's café closed`,
);
const json = trainByteBpe(texts, { vocabularySize: 320, specials });
const tokenizer = openTokenizer(json);
const oracle = openTokenizer(`${import.meta.dirname}/../oracle/data/models/llama`);

/** Text that people, or those who want to break in, may write. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc
    .array(fc.constantFrom('<|', '|>', 'endoftext', 'im_start', 'im_end', '<|im_end|>', '<|pad|>', ' ', '\n', 'list'), {
      maxLength: 12,
    })
    .map((parts) => parts.join('')),
);

describe('a tokenizer', () => {
  it.each([
    ['of ours', tokenizer],
    ['of Hugging Face', oracle],
  ])('%s gives any text back, and no special token for it', (_, of) => {
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = of.encodeText(text);
        expect(of.decode(ids)).toBe(text);
        expect(ids.filter((id) => of.specialIds.includes(id))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('makes special tokens of trusted text only', () => {
    expect(tokenizer.encodeWithSpecials('<|list|>')).toEqual([2]);
    expect(tokenizer.encodeText('<|list|>').length).toBeGreaterThan(1);
  });

  it('encodes a text as its words, remembered or not', () => {
    const once = oracle.encodeText(texts[0]);
    expect(oracle.encodeText(texts[0])).toEqual(once);
    expect(oracle.encodeWithSpecials(texts[0])).toEqual(once);
  });

  it('knows its ids, its end and its size; ids without a token are nothing', () => {
    expect(specials.map((token) => tokenizer.id(token))).toEqual([0, 1, 2]);
    expect(tokenizer.id('<|search|>')).toBeUndefined();
    expect([tokenizer.stopIds, tokenizer.padId, tokenizer.vocabularySize]).toEqual([
      [0],
      1,
      3 + 256 + json.model.merges.length,
    ]);
    expect(tokenizer.decode([...tokenizer.encodeText('vote'), 100_000])).toBe('vote');
    expect(tokenizer.decode([])).toBe('');
  });

  it.each([
    [
      'word level',
      { type: 'WordLevel', unk_token: '[UNK]', vocab: { '[UNK]': 0, '<end>': 1, hello: 2 } },
      'hello <end> hello',
    ],
    [
      'Unigram',
      {
        type: 'Unigram',
        unk_id: 0,
        vocab: [
          ['<unk>', 0],
          ['<end>', 0],
          ['h', -1],
          ['\u2581', -1],
        ],
      },
      'h\u00001\u0000h <end>',
    ],
  ])('finds no special token in text by %s', (_, model, text) => {
    const of = openTokenizer({
      model,
      normalizer: null,
      pre_tokenizer: { type: 'WhitespaceSplit' },
      post_processor: null,
      decoder: null,
      added_tokens: [{ id: 1, content: '<end>', special: true }],
    });
    expect(of.encodeWithSpecials('<end>')).toContain(1);
    expect(of.encodeText(text)).not.toContain(1);
  });

  it('does not find special tokens through merges or a vocabulary that holds them', () => {
    const sly = structuredClone(json);
    sly.model.vocab['<|'] = 998;
    sly.model.vocab['<|>'] = 999;
    sly.model.merges.push(['<', '|'], ['<|', '>']);
    sly.model.ignore_merges = true;
    sly.added_tokens.push({ id: 999, content: '<|>', special: true });
    const of = openTokenizer(sly);
    expect(of.encodeWithSpecials('<|>')).toEqual([999]);
    expect(of.decode(of.encodeText('a <|> b'))).toBe('a <|> b');
    expect(of.encodeText('a<|>b')).not.toContain(999);
  });

  it('refuses a folder without tokenizer.json, and one that is no tokenizer', () => {
    expect(() => openTokenizer(`${import.meta.dirname}`)).toThrow(CheckpointError);
    expect(() => openTokenizer({ model: { type: 'Unheard' } })).toThrow(CheckpointError);
  });
});

describe('a chat', () => {
  const [start, end] = [oracle.id('<|im_start|>'), oracle.id('<|im_end|>')];
  const chat = (content: string): number[] => oracle.chat?.([{ role: 'user', content }]) ?? [];

  it('holds exactly the special tokens of its template, whatever the messages say', () => {
    fc.assert(
      fc.property(anyText, (content) => {
        const found = chat(content).filter((id) => oracle.specialIds.includes(id));
        expect(found).toEqual([start, end, start]);
        expect(oracle.decode(chat(content))).toBe(`<|im_start|>user\n${content}<|im_end|>\n<|im_start|>assistant\n`);
      }),
      { numRuns: 300 },
    );
  });

  it('encodes harmless messages as the whole rendering is encoded', () => {
    const content = '\n\n  Search: harbour  strike \n';
    expect(chat(content)).toEqual(
      oracle.encodeWithSpecials(`<|im_start|>user\n${content}<|im_end|>\n<|im_start|>assistant\n`),
    );
  });

  it('lets templates trim, and takes the white space that lstrip and rstrip tokens take', () => {
    const template = '<s> {{ messages[0].content | trim }} </s>{{ eos_token }}';
    const addedTokens = [
      { id: 7, content: '<s>', rstrip: true },
      { id: 8, content: '</s>', lstrip: true },
      { id: 9, content: '<eos>' },
    ];
    const settings = { config: { eos_token: { content: '<eos>' } }, addedTokens, path: 'model' };
    expect(chatPieces(template, [{ role: 'user', content: ' a </s> \n' }], settings)).toEqual([
      { token: 7 },
      { text: 'a </s>' },
      { token: 8 },
      { token: 9 },
    ]);
  });

  it('does not depend on the day, and says when a template refuses', () => {
    const settings = { config: {}, path: 'model' };
    const dated = renderChat("{{ strftime_now('%d %b %Y') }}", [], settings);
    expect(dated).toBe('01 Jan 2026');
    expect(() => renderChat("{{ raise_exception('no system role') }}", [], settings)).toThrow(/model.*no system role/);
  });
});

describe('byte-level BPE training', () => {
  it('puts specials first, then 256 bytes, then merges that shorten text', () => {
    expect(specials.map((token) => json.model.vocab[token])).toEqual([0, 1, 2]);
    expect(new Set(Object.values(json.model.vocab)).size).toBe(json.model.merges.length + 259);
    expect(tokenizer.encodeText(texts[0]).length).toBeLessThan(texts[0].length / 2);
  });

  it('learns the most frequent pair first, ties by id, whatever the order of the texts', () => {
    const of = (words: string[]) => trainByteBpe(words, { vocabularySize: 260, specials: [] }).model.merges;
    expect(of(['ab', 'ab', 'cd', 'cd', 'cd', 'ef', 'ef'])).toEqual([
      ['c', 'd'],
      ['a', 'b'],
      ['e', 'f'],
    ]);
    expect(of(['ef', 'cd', 'ab', 'cd', 'ef', 'ab', 'cd'])).toEqual(of(['ab', 'ab', 'cd', 'cd', 'cd', 'ef', 'ef']));
  });

  it('counts what merging leaves, in repeated letters too', () => {
    const { merges } = trainByteBpe(['aaaa aaaa'], { vocabularySize: 300, specials: [] }).model;
    expect(merges).toEqual([
      ['a', 'a'],
      ['aa', 'aa'],
    ]);
  });

  it('equals counting every pair anew after each merge', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 12 }), (words) => {
        const { model } = trainByteBpe(words, { vocabularySize: 264, specials: [] });
        expect(model.merges).toEqual(slowMerges(words, model.merges.length, model.vocab));
      }),
      { numRuns: 300 },
    );
  });

  it('refuses a vocabulary without room for the bytes, and specials that repeat', () => {
    expect(() => trainByteBpe([], { vocabularySize: 100, specials: [] })).toThrow(RangeError);
    expect(() => trainByteBpe([], { vocabularySize: 300, specials: ['<x>', '<x>'] })).toThrow(/repeat/);
  });
});

/** Merges by definition: count all neighbours of all words, take the most frequent whose spelling is new, start again. */
function slowMerges(
  words: readonly string[],
  count: number,
  ids: Readonly<Record<string, number>>,
): [string, string][] {
  const split = words.map((word) => word.split(''));
  const merges: [string, string][] = [];
  const known = new Set(Object.keys(ids).filter((token) => token.length === 1));
  while (merges.length < count) {
    const counts = new Map<string, number>();
    for (const word of split) {
      for (let i = 0; i + 1 < word.length; i++) {
        const key = `${word[i]} ${word[i + 1]}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    const [best] = [...counts]
      .map(([key, n]) => ({ pair: key.split(' ') as [string, string], n }))
      .filter(({ pair }) => !known.has(pair.join('')))
      .sort((a, b) => b.n - a.n || rank(a.pair[0]) - rank(b.pair[0]) || rank(a.pair[1]) - rank(b.pair[1]));
    merges.push(best.pair);
    known.add(best.pair.join(''));
    for (const word of split) {
      for (let i = 0; i + 1 < word.length; i++) {
        if (word[i] === best.pair[0] && word[i + 1] === best.pair[1]) word.splice(i, 2, best.pair.join(''));
      }
    }
  }
  return merges;

  function rank(token: string): number {
    return ids[token];
  }
}
