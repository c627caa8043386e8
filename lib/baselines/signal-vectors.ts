/** Embeddings of readers' signals. */
import type { Reader } from '../data/rows.ts';
import { embedTexts } from '../retrieval/embed-texts.ts';
import type { Embedder } from '../retrieval/embedder.ts';

/** Vector of each signal's text, [reader][signal], oldest first; equal texts are embedded once and share their vector. */
export async function embedSignals(readers: readonly Reader[], embedder: Embedder): Promise<Float32Array[][]> {
  const vectors = await embedTexts(
    readers.flatMap(({ signals }) => signals.map(({ text }) => text)),
    embedder,
  );
  return readers.map(({ signals }) => signals.map(({ text }) => vectors.of(text)));
}
