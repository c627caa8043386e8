/** A reader becomes a prompt; a completion becomes a list of queries. Signals are strangers' text: they are data here, never syntax. */
import type { Signal, SignalKind } from '../data/rows.ts';
import { ConfigError } from '../errors.ts';
import type { ChatMessage } from '../tensor/chat.ts';
import { chatMessages } from './chat-prompt.ts';

/** What the prompt needs of a tokenizer (tensor/tokenizer.ts). */
export interface PromptTokenizer {
  /** Ids of plain text: special-token strings in it stay text. */
  encodeText(text: string): ArrayLike<number>;
  /** The id of a token by its exact string; undefined where the vocabulary lacks it. */
  id(token: string): number | undefined;
  /** Present where the model has a chat template: ids of the rendered conversation, contents encoded as plain text. */
  chat?(messages: readonly ChatMessage[]): ArrayLike<number>;
  /** Ids that end a completion; the first is the one that training appends. */
  readonly stopIds: readonly number[];
}

/** The special tokens of our own base models. */
export const baseSpecials = ['<|endoftext|>', '<|pad|>', '<|search|>', '<|page|>', '<|click|>', '<|list|>'] as const;

const kindToken: Record<SignalKind, string> = { search: '<|search|>', page: '<|page|>', click: '<|click|>' };

/** Tokens of one signal's text at most. */
export const MAX_SIGNAL_TOKENS = 24;

/** A list that holds its format has so many lines, each of so many words. A line said again counts once. */
export const LIST_LINES = { least: 3, most: 5 } as const;
export const LINE_WORDS = { least: 1, most: 7 } as const;

/** Whatever a policy writes, recall sees at most so many queries, each of so many characters. */
const MAX_QUERIES = 8;
export const MAX_QUERY_CHARACTERS = 120;

/**
 * Token ids of the prompt for a reader's signals (oldest first), at most `maxPromptTokens` long: the oldest give way.
 * Base models: kind token and text of each signal, newest last, then `<|list|>`. Chat models: the template around chat-prompt.ts.
 * Throws ConfigError where the instruction alone is longer, or the tokenizer fits no prompt.
 */
export function promptOf(signals: readonly Signal[], tokenizer: PromptTokenizer, maxPromptTokens: number): Int32Array {
  const list = tokenizer.id('<|list|>');
  return list === undefined
    ? chatPrompt(signals, tokenizer, maxPromptTokens)
    : basePrompt(signals, tokenizer, maxPromptTokens, list);
}

/** Token ids of a list as training wants it written: its lines, then the token that ends it. Ids of an ill-formed list are kept as they are. */
export function completionOf(list: string, tokenizer: PromptTokenizer): Int32Array {
  if (tokenizer.stopIds.length === 0)
    throw new ConfigError(
      'the tokenizer names no token that ends a completion. Take a model whose generation_config.json has an eos_token_id',
    );
  const isBase = tokenizer.id('<|list|>') !== undefined;
  const lines = list.split('\n').map((line) => (isBase && line !== '' ? wordStart(line) : line));
  return Int32Array.from([...Array.from(tokenizer.encodeText(lines.join('\n'))), tokenizer.stopIds[0]]);
}

/** Text as base models read and write it: lower case, one line, single spaces, no control or formatting characters. */
export function plainText(text: string): string {
  return withoutControls(text).toLowerCase().replace(/\s+/gu, ' ').trim();
}

/** A completion as queries for recall, and whether it held the format (the struct reward). */
export interface ParsedList {
  /** At most 8, all different, of at most 120 characters, without control characters or special tokens. */
  queries: string[];
  /** Ended by itself; 3 to 5 lines of 1 to 7 words, 3 of them different; no empty line, no special token, no broken character. */
  valid: boolean;
}

/** Parses decoded text, without its end token. `finished`: the policy ended the list itself, it was not cut. */
export function parseList(text: string, finished: boolean): ParsedList {
  const lines = text.split('\n');
  const queries = lines.map(cleanQuery).filter((query) => query !== '');
  const spoken = queries.map(plainText);
  const different = queries.filter((_, i) => spoken.indexOf(spoken[i]) === i);
  const valid =
    finished &&
    different.length >= LIST_LINES.least &&
    lines.length <= LIST_LINES.most &&
    lines.every((line) => isWellFormed(line));
  return { queries: different.slice(0, MAX_QUERIES), valid };
}

function basePrompt(signals: readonly Signal[], tokenizer: PromptTokenizer, most: number, list: number): Int32Array {
  const pieces: number[][] = [];
  let room = most - 1;
  for (const signal of signals.toReversed()) {
    if (room < 2) break;
    const text = Array.from(tokenizer.encodeText(wordStart(plainText(signal.text)))).slice(
      0,
      Math.min(MAX_SIGNAL_TOKENS, room - 1),
    );
    if (text.length === 0) continue;
    pieces.push([idOf(tokenizer, kindToken[signal.kind]), ...text]);
    room -= text.length + 1;
  }
  return Int32Array.from([...pieces.toReversed().flat(), list]);
}

function chatPrompt(signals: readonly Signal[], tokenizer: PromptTokenizer, most: number): Int32Array {
  if (!tokenizer.chat)
    throw new ConfigError(
      'the tokenizer has neither <|list|> nor a chat template: it fits no prompt. Take an instruction-tuned model, or a base model of this project',
    );
  const chat = tokenizer.chat.bind(tokenizer);
  const of = (newest: number): ArrayLike<number> => chat(chatMessages(signals.slice(signals.length - newest)));
  const alone = of(0);
  if (alone.length > most)
    throw new ConfigError(
      `the instruction alone takes ${alone.length} tokens, teacher.rollout.maxPromptTokens is ${most}. Raise it`,
    );
  // The largest number of newest signals that fits: a signal takes a token at least, and more signals never take less.
  let [fits, tooMany] = [0, Math.min(signals.length, most) + 1];
  let ids = alone;
  while (tooMany - fits > 1) {
    const middle = Math.min(fits * 2 + 8, Math.floor((fits + tooMany) / 2));
    const tried = of(middle);
    if (tried.length > most) tooMany = middle;
    else [fits, ids] = [middle, tried];
  }
  return Int32Array.from(ids);
}

/** A leading space: so a word has the same ids at the start of a line as inside one, and copying is one rule to learn. */
function wordStart(text: string): string {
  return text === '' ? '' : ` ${text}`;
}

function idOf(tokenizer: PromptTokenizer, token: string): number {
  const id = tokenizer.id(token);
  if (id === undefined)
    throw new ConfigError(`the tokenizer knows <|list|> but not ${token}: not a base model of this project`);
  return id;
}

const specialToken = /<\|[^|<>]{1,40}\|>|<\/?s>|\[(?:PAD|UNK|CLS|SEP|MASK)\]/gu;
const brokenCharacter = '\uFFFD';

function isWellFormed(line: string): boolean {
  const count = line.split(/\s+/u).filter((word) => word !== '').length;
  const isPlain = withoutControls(line) === line && !line.includes(brokenCharacter) && line.search(specialToken) < 0;
  return count >= LINE_WORDS.least && count <= LINE_WORDS.most && isPlain && line.length <= MAX_QUERY_CHARACTERS;
}

function cleanQuery(line: string): string {
  const text = withoutControls(line.replace(specialToken, ' '))
    .replaceAll(brokenCharacter, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
  return [...text].slice(0, MAX_QUERY_CHARACTERS).join('').trim();
}

/** Control, formatting (bidirectional marks, zero width), lone surrogate and private characters become spaces. */
function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, ' ');
}
