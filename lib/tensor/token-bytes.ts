/** What each token spells, as bytes: some tokens are parts of characters. */
import { CheckpointError } from '../errors.ts';
import { byteCharacters } from './bpe.ts';
import type { Tokenizer } from './tokenizer.ts';

/** The parts of a tokenizer.json that are read here. */
interface Spelling {
  added_tokens?: { id: number }[];
  decoder?: unknown;
  model?: { vocab?: Record<string, number> | [string, number][] };
}

/**
 * Bytes by id; null for added tokens (special ones among them) and for ids without a token. Byte-level tokenizers (GPT-2, Llama 3,
 * Qwen2, SmolLM2) and those that write a space as ▁ (SentencePiece, with or without bytes as <0x0A>). Throws CheckpointError for others.
 */
export function tokenBytes({
  files,
  vocabularySize,
}: Pick<Tokenizer, 'files' | 'vocabularySize'>): (Uint8Array | null)[] {
  const { added_tokens: added = [], decoder, model } = files.tokenizer as Spelling;
  const spell = spellingOf(JSON.stringify(decoder ?? null));
  const bytes = Array.from<unknown, Uint8Array | null>({ length: vocabularySize }, () => null);
  const vocabulary = model?.vocab ?? {};
  const tokens = Array.isArray(vocabulary)
    ? vocabulary.map(([token], id) => [token, id] as const)
    : Object.entries(vocabulary);
  for (const [token, id] of tokens) bytes[id] = spell(token);
  for (const { id } of added) bytes[id] = null;
  return bytes;
}

function spellingOf(decoder: string): (token: string) => Uint8Array | null {
  const text = new TextEncoder();
  if (decoder.includes('"ByteLevel"')) {
    const byteOf = new Map(byteCharacters.map((character, byte) => [character, byte]));
    return (token) => {
      const bytes = Array.from(token, (character) => byteOf.get(character));
      return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : null;
    };
  }
  if (decoder.includes('▁')) {
    return (token) => {
      const byte = /^<0x([0-9A-F]{2})>$/.exec(token)?.[1];
      return byte === undefined ? text.encode(token.replaceAll('▁', ' ')) : Uint8Array.of(Number.parseInt(byte, 16));
    };
  }
  throw new CheckpointError({
    path: 'tokenizer.json',
    problem: 'what its tokens spell is not known: its decoder is neither byte-level nor SentencePiece',
    remedy: 'Take a Llama or Qwen2 tokenizer, or set neither teacher.rollout.constrained nor teacher.rollout.stop',
  });
}
