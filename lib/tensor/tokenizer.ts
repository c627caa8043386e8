/**
 * Text to token ids and back, from the tokenizer files of a Hugging Face model folder.
 *
 * Two ways in, never mixed: `encodeText` is for what people wrote and cannot make a special token, whatever the text spells;
 * `encodeWithSpecials` is for templates that we trust.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { CheckpointError } from '../errors.ts';
import { type AddedToken, type ChatMessage, chatPieces, tokenString } from './chat.ts';

export interface Tokenizer {
  /** One more than the largest id. */
  readonly vocabularySize: number;
  /** Ids that end a completion; the first is the one that training appends. Empty where no file names one. */
  readonly stopIds: readonly number[];
  readonly padId: number | undefined;
  /** What the model's texts were begun with, where a file names it. Chat templates spell it out themselves. */
  readonly beginId: number | undefined;
  /** Ids of the declared special tokens: `encodeText` yields none of them. */
  readonly specialIds: readonly number[];
  /** Ids of plain text. Special-token strings in it are encoded by their letters. */
  encodeText(text: string): number[];
  /** Ids of trusted text: special-token strings become those tokens. Nothing is added before or after. */
  encodeWithSpecials(text: string): number[];
  /** Text of ids; special tokens are spelled out, ids without a token (padded tables) are nothing, broken UTF-8 is U+FFFD. */
  decode(ids: ArrayLike<number>): string;
  /** The id of a token by its exact string. */
  id(token: string): number | undefined;
  /** Present where the model has a chat template: ids of the conversation, up to where the assistant begins to write. Contents are encoded as plain text. */
  readonly chat?: (messages: readonly ChatMessage[]) => number[];
  /** What it was read from, to be saved with a model. */
  readonly files: TokenizerFiles;
}

export interface TokenizerFiles {
  /** tokenizer.json */
  tokenizer: object;
  /** tokenizer_config.json; {} where there is none. */
  config: Readonly<Record<string, unknown>>;
  /** generation_config.json; {} where there is none. */
  generation: Readonly<Record<string, unknown>>;
  /** chat_template.jinja, or the template in tokenizer_config.json. */
  chatTemplate: string | null;
}

/**
 * From a model folder (tokenizer.json; tokenizer_config.json, chat_template.jinja and the end tokens of generation_config.json or
 * config.json where present), or from the object of a tokenizer.json. Throws CheckpointError.
 */
export function openTokenizer(source: string | object): Tokenizer {
  if (typeof source !== 'string') {
    const files = { tokenizer: source, config: {}, generation: {}, chatTemplate: null };
    return tokenizerOf(files, { ends: [] }, '(tokenizer.json object)');
  }
  const config = readJson(join(source, 'tokenizer_config.json')) ?? {};
  const tokenizer = readJson(join(source, 'tokenizer.json'));
  if (!tokenizer) {
    throw new CheckpointError({
      path: source,
      problem: 'it has no tokenizer.json',
      remedy: 'save the tokenizer with save_pretrained of a fast tokenizer',
    });
  }
  const generation = readJson(join(source, 'generation_config.json')) ?? {};
  const places = [generation, readJson(join(source, 'config.json')) ?? {}];
  const idsNamed = (key: string): number[] =>
    places.flatMap((part) => part[key] ?? []).filter((id): id is number => typeof id === 'number' && id >= 0);
  const files = { tokenizer, config, generation, chatTemplate: chatTemplateOf(source, config) };
  const named = {
    ends: idsNamed('eos_token_id'),
    begin: idsNamed('bos_token_id').at(0),
    pad: idsNamed('pad_token_id').at(0),
  };
  return tokenizerOf(files, named, source);
}

/** Where no file names the end token: the usual ones, in the order of chat before text. */
const usualEnds = ['<|im_end|>', '<|eot_id|>', '<|endoftext|>', '<|end_of_text|>', '</s>'];
const usualPads = ['<|pad|>', '<pad>', '[PAD]'];

/** Ids that generation_config.json and config.json name. */
interface NamedIds {
  ends: readonly number[];
  begin?: number;
  pad?: number;
}

function tokenizerOf(files: TokenizerFiles, ids: NamedIds, path: string): Tokenizer {
  const full = libraryOf(files.tokenizer, path);
  const encodePlain = plainEncoder(files.tokenizer, path);
  const id = (token: string): number | undefined => full.token_to_id(token);
  const { config, chatTemplate } = files;
  const named = [tokenString(config.eos_token), ...usualEnds].map((token) =>
    token === undefined ? undefined : id(token),
  );
  const configured = [named[0], ...ids.ends].filter((end) => end !== undefined);
  const usual = named.find((end) => end !== undefined);
  const stopIds = configured.length > 0 ? [...new Set(configured)] : usual === undefined ? [] : [usual];
  const padToken = [tokenString(config.pad_token), ...usualPads].find(
    (token) => token !== undefined && id(token) !== undefined,
  );
  const beginToken = tokenString(config.bos_token);
  const chat = (messages: readonly ChatMessage[]): number[] =>
    chatPieces(chatTemplate ?? '', messages, { config, addedTokens: addedTokensOf(files.tokenizer), path }).flatMap(
      (piece) => ('token' in piece ? piece.token : encodePlain(piece.text)),
    );
  return {
    vocabularySize: vocabularySizeOf(full),
    stopIds,
    padId: padToken === undefined ? ids.pad : id(padToken),
    beginId: beginToken === undefined ? ids.begin : id(beginToken),
    specialIds: addedTokensOf(files.tokenizer).flatMap((token) => (token.special ? token.id : [])),
    encodeText: encodePlain,
    encodeWithSpecials: (text) => full.encode(text, { add_special_tokens: false }).ids,
    decode: (tokens) => {
      const known = Array.from(tokens).filter((token) => full.id_to_token(token) !== undefined);
      return known.length === 0 ? '' : full.decode(known, { clean_up_tokenization_spaces: false });
    },
    id,
    ...(chatTemplate === null ? {} : { chat }),
    files,
  };
}

/** What we read of a tokenizer.json ourselves. */
interface TokenizerParts {
  added_tokens?: AddedToken[];
  normalizer?: unknown;
  pre_tokenizer?: { type?: string; add_prefix_space?: boolean; use_regex?: boolean } | null;
  model?: {
    type?: string;
    unk_token?: string | null;
    unk_id?: number | null;
    vocab?: Record<string, number> | readonly [string, number][];
    merges?: (string | [string, string])[];
  };
}

function addedTokensOf(tokenizer: object): AddedToken[] {
  return (tokenizer as TokenizerParts).added_tokens ?? [];
}

/**
 * Throws CheckpointError where an id stands for different tokens: probabilities cannot be compared then. `path`: what names `one`. Merges,
 * the order of keys and settings may differ.
 */
export function checkSameTokens(one: Tokenizer, other: Tokenizer, path: string): void {
  const [tokens, others] = [one, other].map(tokensOf);
  if (tokens.length === others.length && tokens.every((token, id) => token === others[id])) return;
  throw new CheckpointError({
    path,
    problem: 'its tokenizer is not the one of the teacher, so their probabilities cannot be compared token by token',
    remedy: 'Take teacher and student of one family',
  });
}

/** The token of each id; of a family, end and chat tokens are often among the added ones alone. */
function tokensOf({ files: { tokenizer } }: Tokenizer): (string | undefined)[] {
  const vocab = (tokenizer as TokenizerParts).model?.vocab ?? {};
  const tokens: (string | undefined)[] = Array.isArray(vocab) ? vocab.map(([token]) => token as string) : [];
  if (!Array.isArray(vocab)) for (const [token, id] of Object.entries(vocab)) tokens[id as number] = token;
  for (const { id, content } of addedTokensOf(tokenizer)) tokens[id] = content;
  return Array.from(tokens);
}

function libraryOf(tokenizer: object, path: string): Library {
  try {
    return new Library(tokenizer, {});
  } catch (cause) {
    throw new CheckpointError({
      path,
      problem: 'its tokenizer.json cannot be read',
      cause,
      remedy: 'save it with save_pretrained of a fast tokenizer',
    });
  }
}

/** Words remembered with their ids: text repeats itself, and merging is slow. Not long ones: they are rare, and may be a stranger's flood. */
const REMEMBERED_WORDS = 200_000;
const REMEMBERED_LENGTH = 32;

/** GPT-2's pattern: cuts text where the byte-level pre-tokenizer cuts it, so that words can be looked up one by one. */
const byteLevelWords = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** Encodes with a copy of the tokenizer that has no special tokens: not declared, not in the vocabulary, not reachable by merges. */
function plainEncoder(tokenizer: object, path: string): (text: string) => number[] {
  const { normalizer, pre_tokenizer: splitter } = tokenizer as TokenizerParts;
  const library = libraryOf(withoutSpecials(tokenizer), path);
  // What stands in the place of Unigram's specials is spelt with this character.
  const isUnigram = Array.isArray((tokenizer as TokenizerParts).model?.vocab);
  const encode = (text: string): number[] =>
    library.encode(isUnigram ? text.replaceAll('\u0000', '\uFFFD') : text, { add_special_tokens: false }).ids;
  const cutsWords = splitter?.type === 'ByteLevel' && !splitter.add_prefix_space && splitter.use_regex !== false;
  if (normalizer || !cutsWords) return encode;
  const remembered = new Map<string, number[]>();
  return (text) => {
    const ids: number[] = [];
    for (const word of text.match(byteLevelWords) ?? []) {
      let wordIds = remembered.get(word);
      if (!wordIds) {
        wordIds = encode(word);
        if (remembered.size >= REMEMBERED_WORDS) remembered.clear();
        // A copy: a piece of a text would keep all of it in memory.
        if (word.length <= REMEMBERED_LENGTH) remembered.set(Buffer.from(word).toString(), wordIds);
      }
      for (const id of wordIds) ids.push(id);
    }
    return ids;
  };
}

function withoutSpecials(tokenizer: object): object {
  const { model } = tokenizer as TokenizerParts;
  const specials = new Set(
    addedTokensOf(tokenizer)
      .filter(({ special }) => special)
      .map(({ content }) => content),
  );
  specials.delete(model?.unk_token ?? '');
  const plain = { ...tokenizer, added_tokens: [], post_processor: null };
  // Of Unigram: the places stay, what stands in them no text can spell.
  if (Array.isArray(model?.vocab))
    return {
      ...plain,
      model: {
        ...model,
        vocab: (model.vocab as readonly [string, number][]).map(([token, score], id) =>
          specials.has(token) && id !== model.unk_id ? [`\u0000${id}\u0000`, -1e9] : [token, score],
        ),
      },
    };
  if (!model?.vocab) return plain;
  const spells = (merge: string | [string, string]): string =>
    typeof merge === 'string' ? merge.replace(' ', '') : merge.join('');
  return {
    ...plain,
    model: {
      ...model,
      vocab: Object.fromEntries(Object.entries(model.vocab).filter(([token]) => !specials.has(token))),
      merges: model.merges?.filter((merge) => !specials.has(spells(merge))),
    },
  };
}

function vocabularySizeOf(library: Library): number {
  const ids = library.get_vocab(true).values() as Iterable<number>;
  let size = 0;
  for (const id of ids) size = Math.max(size, id + 1);
  return size;
}

function chatTemplateOf(folder: string, config: Readonly<Record<string, unknown>>): string | null {
  const file = join(folder, 'chat_template.jinja');
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const template = config.chat_template;
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return null;
  const named = template.find((entry: { name?: string } | null) => entry?.name === 'default') as
    | { template?: string }
    | undefined;
  return named?.template ?? null;
}

function readJson(path: string): Record<string, unknown> | null {
  if (!existsSync(path)) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new CheckpointError({ path, problem: 'it is not JSON', cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new CheckpointError({ path, problem: 'it is not a JSON object' });
  return parsed as Record<string, unknown>;
}
