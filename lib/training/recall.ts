/** From lists of queries to ranked articles, and to each reader's Recall, NDCG and MRR. */
import type { Reader } from '../data/rows.ts';
import { type RankingMetrics, rankingMetrics } from '../method/metrics.ts';
import type { AnnIndex } from '../retrieval/ann.ts';
import { embedTexts } from '../retrieval/embed-texts.ts';
import type { Embedder } from '../retrieval/embedder.ts';
import { mergeByMaximumCosine } from '../retrieval/merge.ts';

/** Articles that each query recalls before the merge, and that a ranking names. */
export const RECALL_DEPTH = 50;

/** Lists whose queries are embedded and searched at once: bounds memory, whatever the number of readers. */
const LISTS_AT_ONCE = 1024;

/** Ranked positions in the index of each list's recalled articles, best first; an empty list recalls nothing. */
export async function recallArticles(
  lists: readonly (readonly string[])[],
  embedder: Embedder,
  index: AnnIndex,
  depth = RECALL_DEPTH,
): Promise<Int32Array[]> {
  const ranked: Int32Array[] = [];
  for (let start = 0; start < lists.length; start += LISTS_AT_ONCE)
    for (const one of await recallSome(lists.slice(start, start + LISTS_AT_ONCE), embedder, index, depth))
      ranked.push(one);
  return ranked;
}

async function recallSome(
  lists: readonly (readonly string[])[],
  embedder: Embedder,
  index: AnnIndex,
  depth: number,
): Promise<Int32Array[]> {
  const vectors = await embedTexts(lists.flat(), embedder);
  if (vectors.texts.length === 0) return lists.map(() => new Int32Array());
  // Without a known word a query is near nothing, and what is nearest to nothing is anything.
  const isKnown = vectors.texts.map((text) => vectors.of(text).some((x) => x !== 0));
  const found = index.search(vectors.rows, depth);
  const width = found.positions.length / vectors.texts.length;
  return lists.map((queries) =>
    mergeByMaximumCosine(
      queries.flatMap((query) => {
        const row = vectors.at(query);
        if (!isKnown[row]) return [];
        return {
          positions: found.positions.subarray(row * width, (row + 1) * width),
          scores: found.scores.subarray(row * width, (row + 1) * width),
        };
      }),
      depth,
    ),
  );
}

/** Each reader's metrics of its ranked positions against its clicked articles. */
export function judgeRanking(
  readers: readonly Reader[],
  ranked: readonly Int32Array[],
  articleIds: readonly string[],
): RankingMetrics[] {
  return readers.map((reader, i) =>
    rankingMetrics(
      Array.from(ranked[i], (position) => articleIds[position]),
      reader.clicked,
    ),
  );
}
