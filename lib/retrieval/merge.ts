/** The one rule by which a list's results become one ranking: an article's score is its largest cosine over the queries; a fifth better than round robin for every method (docs/decisions.md). */
import type { SearchResult } from './ann.ts';

/** Positions, best first, ties by position, at most `depth`. `results`: one a query. */
export function mergeByMaximumCosine(results: readonly SearchResult[], depth: number): Int32Array {
  const best = new Map<number, number>();
  for (const { positions, scores } of results) {
    for (let i = 0; i < positions.length; i++) {
      const known = best.get(positions[i]);
      if (known === undefined || scores[i] > known) best.set(positions[i], scores[i]);
    }
  }
  const ranked = [...best].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  return Int32Array.from(ranked.slice(0, depth), ([position]) => position);
}
