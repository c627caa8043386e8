/** Embeddings of readers' signals. */
import type { Reader } from '../data/rows.ts';
import { rowOf } from '../method/vectors.ts';
import type { Embedder } from '../retrieval/embedder.ts';

/** Vector of each signal's text, [reader][signal], oldest first; equal texts are embedded once and share their vector. */
export async function embedSignals(readers: readonly Reader[], embedder: Embedder): Promise<Float32Array[][]> {
  const texts = [...new Set(readers.flatMap(({ signals }) => signals.map(({ text }) => text)))];
  const vectors = await embedder.embed(texts);
  const vectorOf = new Map(texts.map((text, i) => [text, rowOf(vectors, i, embedder.dimensions)]));
  return readers.map(({ signals }) => signals.map(({ text }) => vectorOf.get(text) as Float32Array));
}
