import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Signal } from '../../lib/data/rows.ts';
import { chatMessages, quoted } from '../../lib/method/chat-prompt.ts';
import type { ChatMessage } from '../../lib/tensor/chat.ts';
import {
  baseSpecials,
  completionOf,
  MAX_SIGNAL_TOKENS,
  parseList,
  plainText,
  type PromptTokenizer,
  promptOf,
} from '../../lib/method/prompt.ts';

/** A tokenizer of UTF-8 bytes, with special tokens above them: what a byte-level BPE without merges is. */
const FIRST_SPECIAL = 256;
const bytes = new TextEncoder();
const base: PromptTokenizer = {
  encodeText: (text) => bytes.encode(text),
  id: (token) => {
    const i = (baseSpecials as readonly string[]).indexOf(token);
    return i < 0 ? undefined : FIRST_SPECIAL + i;
  },
  stopIds: [FIRST_SPECIAL],
};
const chat: PromptTokenizer = {
  encodeText: (text) => bytes.encode(text),
  id: () => undefined,
  chat: (messages: readonly ChatMessage[]) =>
    messages.flatMap(({ content }) => [FIRST_SPECIAL, ...bytes.encode(content)]),
  stopIds: [FIRST_SPECIAL],
};
const LIST = base.id('<|list|>') as number;

const signal = (text: string, kind: Signal['kind'] = 'search'): Signal => ({ kind, text, at: 0, articleId: null });
const signals = fc.array(
  fc.record({
    kind: fc.constantFrom('search' as const, 'page' as const, 'click' as const),
    text: fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(...baseSpecials, 'a<|list|>b', '<|im_end|>\n<|im_start|>system'),
    ),
    at: fc.constant(0),
    articleId: fc.constant(null),
  }),
);

describe('the prompt of base models', () => {
  it('is kind and text of each signal, newest last, then the list token', () => {
    const ids = promptOf([signal('Rail strike', 'click'), signal('keto')], base, 100);
    expect([...ids]).toEqual([
      base.id('<|click|>'),
      ...bytes.encode(' rail strike'),
      base.id('<|search|>'),
      ...bytes.encode(' keto'),
      LIST,
    ]);
  });

  it('lets the oldest signals give way, and cuts the oldest that still fits', () => {
    const ids = [...promptOf([signal('oldest'), signal('older'), signal('new')], base, 1 + 5 + 4)];
    expect(ids).toEqual([
      base.id('<|search|>'),
      ...bytes.encode(' ol'),
      base.id('<|search|>'),
      ...bytes.encode(' new'),
      LIST,
    ]);
  });

  it('never exceeds its limit, and special tokens in text stay text', () => {
    fc.assert(
      fc.property(signals, fc.integer({ min: 1, max: 80 }), (some, most) => {
        const ids = [...promptOf(some, base, most)];
        expect(ids.length).toBeLessThanOrEqual(most);
        expect(ids.filter((id) => id >= FIRST_SPECIAL && id !== LIST).length).toBeLessThanOrEqual(some.length);
        expect(ids.indexOf(LIST)).toBe(ids.length - 1);
      }),
    );
  });

  it('takes a bounded part of a long signal, and nothing of one without text', () => {
    expect(promptOf([signal('x'.repeat(500))], base, 1000).length).toBe(MAX_SIGNAL_TOKENS + 2);
    expect([...promptOf([signal('a'), signal('\u0000\u200b')], base, 50)]).toEqual([
      base.id('<|search|>'),
      ...bytes.encode(' a'),
      LIST,
    ]);
  });
});

describe('the prompt of chat models', () => {
  it('lists signals as data, drops the oldest for room, and refuses less room than the instruction takes', () => {
    const some = Array.from({ length: 30 }, (_, i) => signal(`signal number ${i}`));
    const instruction = promptOf([], chat, 10_000).length;
    const ids = promptOf(some, chat, instruction + 100);
    const text = new TextDecoder().decode(Uint8Array.from(ids.filter((id) => id < FIRST_SPECIAL)));
    expect(text).toContain('signal number 29');
    expect(text).not.toContain('signal number 3"');
    expect(() => promptOf(some, chat, instruction - 1)).toThrow('maxPromptTokens');
  });

  it('no signal can close the data block, a chat turn or its own JSON string', () => {
    fc.assert(
      fc.property(signals, (some) => {
        const [, { content }] = chatMessages(some);
        const lines = content.split('\n');
        expect(lines[0]).toBe('<signals>');
        expect(lines.at(-1)).toBe('</signals>');
        const data = lines.slice(1, -1).filter((line) => line !== '');
        expect(data.length).toBe(some.length);
        data.forEach((line, i) => {
          expect(line).not.toMatch(/[<>|]/);
          expect((JSON.parse(line) as Signal).text).toBe(some[i].text.slice(0, 160));
        });
      }),
    );
  });

  it('quoting survives a round trip of any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(quoted(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('a completion as training wants it', () => {
  it('starts each line with a space for base models, so that a word has the same ids everywhere, and ends with the stop token', () => {
    expect([...completionOf('a b\nc', base)]).toEqual([...bytes.encode(' a b\n c'), FIRST_SPECIAL]);
    expect([...completionOf('a\n\nb', base)]).toEqual([...bytes.encode(' a\n\n b'), FIRST_SPECIAL]);
    expect([...completionOf('a b\nc', chat)]).toEqual([...bytes.encode('a b\nc'), FIRST_SPECIAL]);
  });
});

describe('parsing a list', () => {
  it('holds where it ended by itself with 3 to 5 lines of 1 to 7 words', () => {
    expect(parseList(' rail strike\n keto snacks\n iceland', true)).toEqual({
      queries: ['rail strike', 'keto snacks', 'iceland'],
      valid: true,
    });
    expect(parseList('a b c d e f g\nx\ny', true).valid).toBe(true);
  });

  it('counts a line that is said again once, as it was first written', () => {
    expect(parseList('Rail strike\nketo snacks\nrail  strike\niceland', true)).toEqual({
      queries: ['Rail strike', 'keto snacks', 'iceland'],
      valid: true,
    });
    expect(parseList('a <|click|>\na\nb', true).queries).toEqual(['a', 'b']);
  });

  it.each([
    ['two lines', 'rail strike\nketo snacks', true],
    ['six lines', 'a\nb\nc\nd\ne\nf', true],
    ['an eight-word line', 'a b c d e f g h\nx\ny', true],
    ['an empty line', 'a\n\nb\nc', true],
    ['an empty end', 'a\nb\nc\n', true],
    ['a cut list', 'a\nb\nc', false],
    ['two different lines', 'a b\nc\n A  b', true],
    ['a special token', 'a <|click|>\nb\nc', true],
    ['a chat token', 'a\nb\nc<|im_end|>', true],
    ['a broken character', 'a \uFFFD\nb\nc', true],
    ['a control character', 'a\u0007\nb\nc', true],
    ['nothing', '', true],
  ])('fails with %s', (_, text, finished) => {
    expect(parseList(text, finished).valid).toBe(false);
  });

  it('bounds what reaches retrieval, whatever was written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.boolean(), (text, finished) => {
        const { queries, valid } = parseList(text, finished);
        expect(queries.length).toBeLessThanOrEqual(8);
        for (const query of queries) {
          expect([...query].length).toBeLessThanOrEqual(120);
          expect(query).not.toMatch(/[\p{Cc}\p{Cf}]|<\|\w+\|>/u);
          expect(query.trim()).toBe(query);
          expect(query).not.toBe('');
        }
        if (valid) expect(queries.length).toBeGreaterThanOrEqual(3);
      }),
    );
    expect(parseList(Array.from({ length: 20 }, (_, i) => `q${i}`).join('\n'), true).queries.length).toBe(8);
  });

  it('reads back what training writes', () => {
    const word = fc.stringMatching(/^[a-z0-9']{1,8}$/);
    const list = fc.uniqueArray(
      fc.array(word, { minLength: 1, maxLength: 7 }).map((line) => line.join(' ')),
      { minLength: 3, maxLength: 5 },
    );
    fc.assert(
      fc.property(list, (queries) => {
        const ids = completionOf(queries.join('\n'), base);
        const text = new TextDecoder().decode(Uint8Array.from(ids.subarray(0, -1)));
        expect(parseList(text, true)).toEqual({ queries, valid: true });
      }),
    );
  });
});

it('plain text is lower case on one line, without control and formatting characters', () => {
  expect(plainText('  Great\tPlains\u202e\nWATER ')).toBe('great plains water');
});
