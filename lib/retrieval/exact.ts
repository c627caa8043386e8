/** Exact nearest neighbours by dot product: the truth that the index is held against, and enough for small pools. */
import type { SearchResult } from './ann.ts';

/** The k rows of `embeddings` ([n × dimensions]) with the largest dot product for each query, best first, ties by position: [queries × min(k, n)]. */
export function exactSearch(
  embeddings: Float32Array,
  queries: Float32Array,
  dimensions: number,
  k: number,
): SearchResult {
  const n = embeddings.length / dimensions;
  const count = queries.length / dimensions;
  const width = Math.min(k, n);
  const positions = new Int32Array(count * width);
  const scores = new Float32Array(count * width);
  const products = new Float32Array(n);
  for (let q = 0; q < count; q++) {
    const query = queries.subarray(q * dimensions, (q + 1) * dimensions);
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let d = 0; d < dimensions; d++) sum += embeddings[i * dimensions + d] * query[d];
      products[i] = sum;
    }
    topPositions(products, width).forEach((position, rank) => {
      positions[q * width + rank] = position;
      scores[q * width + rank] = products[position];
    });
  }
  return { positions, scores };
}

/** Positions of the k largest scores, best first, ties by position. */
export function topPositions(scores: Float32Array, k: number): Int32Array {
  const best: number[] = [];
  for (let i = 0; i < scores.length; i++) {
    if (best.length === k && scores[i] <= scores[best[k - 1]]) continue;
    let at = best.length;
    while (at > 0 && scores[best[at - 1]] < scores[i]) at--;
    best.splice(at, 0, i);
    if (best.length > k) best.pop();
  }
  return Int32Array.from(best);
}
