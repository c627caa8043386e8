/** A bag of words: a text's vector is the sum of its words' vectors, made unit. Plain arrays: 100,000 titles take a second. */
import type { Embedder } from './embedder.ts';

/** Lower-case words of letters and digits of any script. */
export function encoderWords(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
}

/** `vectors`: [words × dimensions], each word's vector already times its weight. */
export function bagEmbedder(words: readonly string[], vectors: Float32Array, dimensions: number): Embedder {
  const rowOf = new Map(words.map((word, i) => [word, i]));
  return {
    dimensions,
    embed: async (texts) => {
      const out = new Float32Array(texts.length * dimensions);
      for (const [i, text] of texts.entries()) {
        const row = out.subarray(i * dimensions, (i + 1) * dimensions);
        for (const word of encoderWords(text)) {
          const at = rowOf.get(word);
          if (at === undefined) continue;
          for (let d = 0; d < dimensions; d++) row[d] += vectors[at * dimensions + d];
        }
        normalise(row);
      }
      return out;
    },
  };
}

/** Makes a vector unit in place; zero stays zero. */
export function normalise(vector: Float32Array): void {
  let squares = 0;
  for (const x of vector) squares += x * x;
  if (squares === 0) return;
  const scale = 1 / Math.sqrt(squares);
  for (let i = 0; i < vector.length; i++) vector[i] *= scale;
}
