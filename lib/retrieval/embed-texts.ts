/** Vectors of many texts, looked up by the text. */
import type { Embedder } from './embedder.ts';

export interface TextVectors {
  /** The different texts, and their vectors: [texts × dimensions]. */
  readonly texts: readonly string[];
  readonly rows: Float32Array;
  /** Position of a text among them, and its vector. RangeError for a text that is not one of them. */
  at(text: string): number;
  of(text: string): Float32Array;
}

/** Embeds each different text once. */
export async function embedTexts(texts: Iterable<string>, embedder: Embedder): Promise<TextVectors> {
  const distinct = [...new Set(texts)];
  const rows = distinct.length === 0 ? new Float32Array() : await embedder.embed(distinct);
  const positions = new Map(distinct.map((text, i) => [text, i]));
  const at = (text: string): number => {
    const position = positions.get(text);
    if (position === undefined) throw new RangeError(`"${text}" was not embedded: it is none of the texts`);
    return position;
  };
  const { dimensions } = embedder;
  return {
    texts: distinct,
    rows,
    at,
    of: (text) => rows.subarray(at(text) * dimensions, (at(text) + 1) * dimensions),
  };
}
