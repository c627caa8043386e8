/** Embeddings of readers' signals. */
import type { Reader } from '../data/rows.ts';
import { embedTexts } from '../retrieval/embed-texts.ts';
import type { Embedder } from '../retrieval/embedder.ts';
import { withoutPlaceholders } from './masking.ts';

/** What a signal says, without what masking put into it: "[card]" is no card of the news. A text of nothing else stays. */
export function wordsOfSignal(text: string): string {
  return withoutPlaceholders(text).trim() || text;
}

/** Vector of each signal's text, [reader][signal], oldest first; equal texts are embedded once and share their vector. */
export async function embedSignals(
  readers: readonly Pick<Reader, 'signals'>[],
  embedder: Embedder,
): Promise<Float32Array[][]> {
  const texts = readers.map(({ signals }) => signals.map(({ text }) => wordsOfSignal(text)));
  const vectors = await embedTexts(texts.flat(), embedder);
  return texts.map((ofReader) => ofReader.map(vectors.of));
}
