/**
 * Strings that end a list. Bytes are compared, so a string may begin and end inside tokens; the list ends with the token that completes
 * one and keeps what that token spells beyond it (as `stop_strings` of Transformers does): its tokens are those that were drawn.
 */
import { tokenBytes } from './token-bytes.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Whether the last of some tokens completes a string of a list. */
export type StopCondition = (tokens: readonly number[]) => boolean;

/** For `GenerateRequest.stopWhen`. Throws RangeError for an empty string, CheckpointError where what tokens spell is not known (token-bytes.ts). */
export function stopStrings(
  strings: readonly string[],
  tokenizer: Pick<Tokenizer, 'files' | 'vocabularySize' | 'decode'>,
): StopCondition {
  if (strings.includes('')) throw new RangeError('a stop string is empty: every list would end with its first token');
  const needles = strings.map((string) => Buffer.from(string));
  const spelling = tokenBytes(tokenizer);
  // Added tokens are spelled out in decoded text, special ones among them.
  const bytesOf = (id: number): Uint8Array => (spelling[id] ??= Buffer.from(tokenizer.decode([id])));
  const longest = Math.max(0, ...needles.map(({ length }) => length));

  return (tokens) => {
    const parts: Uint8Array[] = [];
    const fresh = bytesOf(tokens[tokens.length - 1]).length;
    for (let i = tokens.length - 1, length = 0; i >= 0 && length < longest - 1 + fresh; i--) {
      parts.unshift(bytesOf(tokens[i]));
      length += parts[0].length;
    }
    const tail = Buffer.concat(parts);
    // What begins further back ends before the last token.
    return needles.some((needle) => tail.includes(needle, Math.max(0, tail.length - fresh - needle.length + 1)));
  };
}

/** Text up to the first place where one of the strings begins: all of it where none does. */
export function beforeStop(text: string, strings: readonly string[]): string {
  const found = strings.map((string) => text.indexOf(string)).filter((at) => at >= 0);
  return text.slice(0, Math.min(text.length, ...found));
}
