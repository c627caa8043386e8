/**
 * The list format as a constraint on sampling: at each place of a list, the tokens from which a list that holds the format can still be
 * reached (prompt.ts, `parseList`), within the tokens that are left. A little narrower than the format: the only white space is one space and the
 * line break, and `<` and `[`, with which special tokens are spelled, are not offered. A little wider in one thing: it does not count a line
 * said again once.
 */
import type { Place } from '../tensor/decoder.ts';
import { tokenBytes } from '../tensor/token-bytes.ts';
import type { Tokenizer } from '../tensor/tokenizer.ts';
import { LINE_WORDS, LIST_LINES, MAX_QUERY_CHARACTERS } from './prompt.ts';

/** Where a list is, as far as its format goes. */
interface State {
  /** Begun, 1 and more. */
  lines: number;
  /** Of the line that is being written. */
  words: number;
  inWord: boolean;
  characters: number;
  /** First bytes of a character that is not whole yet. */
  pending: readonly number[];
}

const beginning: State = { lines: 1, words: 0, inWord: false, characters: 0, pending: [] };

const known = new WeakMap<Tokenizer, Place>();

/** Where a list begins. What is allowed is worked out once a kind of place and kept with the tokenizer. Throws CheckpointError (token-bytes.ts). */
export function listFormat(tokenizer: Tokenizer): Place {
  const start = known.get(tokenizer) ?? formatOf(tokenizer);
  known.set(tokenizer, start);
  return start;
}

function formatOf(tokenizer: Tokenizer): Place {
  const { stopIds, vocabularySize } = tokenizer;
  const bytes = tokenBytes(tokenizer);
  // Of the tokens that may stand somewhere: some vocabularies have one of a hundred spaces.
  const isPossible = (token: Uint8Array): boolean =>
    [beginning, { ...beginning, words: 1, inWord: true, characters: 1 }].some((state) => after(state, token) !== null);
  const longest = bytes.reduce((most, one) => Math.max(most, one && isPossible(one) ? one.length : 0), 0);
  const masks = new Map<string, Uint8Array>();
  const most = Math.max(16, Math.floor(MASK_BYTES / vocabularySize));
  const places = new Map<string, Place>();

  const maskOf = (state: State, left: number): Uint8Array => {
    const mask = new Uint8Array(vocabularySize);
    for (const id of stopIds) mask[id] = Number(mayEnd(state));
    bytes.forEach((token, id) => {
      if (token === null || token.length === 0 || stopIds.includes(id)) return;
      const next = after(state, token);
      mask[id] = Number(next !== null && tokensToEnd(next) < left);
    });
    return mask;
  };
  /** Where the line's length cannot matter to the next token it is left out, but for whether there is any, so that few masks are made. */
  const keyOf = (state: State): string => {
    const isFar = state.characters + longest < MAX_QUERY_CHARACTERS;
    const characters = isFar ? Math.min(state.characters, 1) : state.characters;
    return [state.lines, state.words, Number(state.inWord), characters, ...state.pending].join(' ');
  };
  const placeOf = (state: State): Place => {
    const key = keyOf(state);
    const exact = `${key} of ${state.characters}`;
    const same = places.get(exact);
    if (same) return same;
    const place: Place = {
      allowed: (left) => {
        // No list can be ended in so few tokens: it will be cut, as it would be without a constraint.
        const counted = left < tokensToEnd(state) ? Number.POSITIVE_INFINITY : Math.min(left, manyTokens);
        const id = `${key} left ${counted}`;
        const mask = masks.get(id) ?? maskOf(state, counted);
        masks.delete(id);
        masks.set(id, mask);
        // The least recently used goes.
        if (masks.size > most) masks.delete(masks.keys().next().value as string);
        return mask;
      },
      after: (token) => {
        const next = after(state, bytes[token] ?? new Uint8Array());
        if (next === null) throw new RangeError(`token ${token} is not allowed here`);
        return placeOf(next);
      },
    };
    places.set(exact, place);
    return place;
  };
  return placeOf(beginning);
}

/** Of the masks of a tokenizer that are kept. */
const MASK_BYTES = 2 ** 26;

/** More tokens than any place needs to its end. */
const manyTokens = 10;

/** Tokens that it takes to end the list from here, its end token among them: a token may be as short as a byte. */
function tokensToEnd({ lines, words, pending }: State): number {
  const missing = pending.length === 0 ? 0 : lengthOf(pending[0]) - pending.length;
  const word = words < LINE_WORDS.least ? LINE_WORDS.least - words : 0;
  return missing + word + Math.max(0, LIST_LINES.least - lines) * (1 + LINE_WORDS.least) + 1;
}

function mayEnd({ lines, words, pending }: State): boolean {
  return lines >= LIST_LINES.least && words >= LINE_WORDS.least && pending.length === 0;
}

const lineBreak = 0x0a;
const space = 0x20;
const refusedAscii = new Set([0x7f, ...Buffer.from('<[')]);
const refusedCharacter = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\s\uFFFD]/u;

/** The state behind some more bytes; null where they break the format or lead nowhere. */
function after(state: State, bytes: Uint8Array): State | null {
  let { lines, words, inWord, characters, pending } = state;
  for (const byte of bytes) {
    if (pending.length > 0) {
      if (byte >> 6 !== 0b10) return null;
      pending = [...pending, byte];
      if (!leadsSomewhere(pending)) return null;
      if (pending.length < lengthOf(pending[0])) continue;
      if (refusedCharacter.test(Buffer.from(pending).toString('utf8'))) return null;
      pending = [];
    } else if (byte === lineBreak) {
      if (words < LINE_WORDS.least || lines === LIST_LINES.most) return null;
      lines++;
      words = characters = 0;
      inWord = false;
    } else {
      const isSpace = byte === space;
      if (byte < space || refusedAscii.has(byte) || (isSpace && !inWord && characters > 0)) return null;
      if (byte >= 0x80) {
        pending = [byte];
        if (!leadsSomewhere(pending)) return null;
      }
      // Outside the basic plane a character counts as two, as in JavaScript's strings.
      characters += byte >= 0xf0 ? 2 : 1;
      if (!isSpace && !inWord) words++;
      inWord = !isSpace;
      if (words > LINE_WORDS.most || characters > MAX_QUERY_CHARACTERS) return null;
    }
  }
  return { lines, words, inWord, characters, pending };
}

/** Bytes of the character that begins with this one. */
function lengthOf(lead: number): number {
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

/**
 * Whether UTF-8 that begins so can become a character that the format takes: not overlong, not a surrogate, and not in the private
 * areas (U+E000 to U+F8FF, planes 15 and 16) or among the invisible tags (plane 14), where a prefix may have no other way to go on.
 */
function leadsSomewhere([lead, second]: readonly number[]): boolean {
  if (lead < 0xc2 || lead > 0xf2 || lead === 0xee) return false;
  if (second === undefined) return true;
  if (lead === 0xe0) return second >= 0xa0;
  if (lead === 0xed) return second < 0xa0;
  if (lead === 0xef) return second >= 0xa4;
  return lead !== 0xf0 || second >= 0x90;
}
