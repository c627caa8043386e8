/** Ranking metrics with binary relevance, of one reader's ranked articles (best first, no article twice) against those it clicked next. */

/** The figures of every table of results. */
export const rankingMetricNames = ['recall@5', 'recall@10', 'ndcg@5', 'ndcg@10', 'mrr'] as const;
export type RankingMetrics = Record<(typeof rankingMetricNames)[number], number>;

/** The five figures of one reader. MRR over the whole ranking. A reader who clicked nothing scores 0: leave such readers out before. */
export function rankingMetrics(ranked: readonly string[], relevant: readonly string[]): RankingMetrics {
  return {
    'recall@5': recallAt(ranked, relevant, 5),
    'recall@10': recallAt(ranked, relevant, 10),
    'ndcg@5': ndcgAt(ranked, relevant, 5),
    'ndcg@10': ndcgAt(ranked, relevant, 10),
    mrr: reciprocalRank(ranked, relevant),
  };
}

/** Mean of each metric over readers. */
export function meanMetrics(readers: readonly RankingMetrics[]): RankingMetrics {
  const mean = (name: keyof RankingMetrics): number =>
    readers.reduce((sum, reader) => sum + reader[name], 0) / readers.length;
  return Object.fromEntries(rankingMetricNames.map((name) => [name, mean(name)])) as RankingMetrics;
}

/** Share of the relevant articles among the first k. */
export function recallAt(ranked: readonly string[], relevant: readonly string[], k: number): number {
  const { hits, size } = judged(ranked, relevant, k);
  return size === 0 ? 0 : hits.length / size;
}

/** Share of the first k places that hold a relevant article. */
export function precisionAt(ranked: readonly string[], relevant: readonly string[], k: number): number {
  return judged(ranked, relevant, k).hits.length / k;
}

/** 1 where any of the first k is relevant. */
export function hitRateAt(ranked: readonly string[], relevant: readonly string[], k: number): number {
  return judged(ranked, relevant, k).hits.length > 0 ? 1 : 0;
}

/** Gain 1 / log2(rank + 1) of each relevant article among the first k, over the best possible. */
export function ndcgAt(ranked: readonly string[], relevant: readonly string[], k: number): number {
  const { hits, size } = judged(ranked, relevant, k);
  const gain = (rank: number): number => 1 / Math.log2(rank + 1);
  let ideal = 0;
  for (let rank = 1; rank <= Math.min(k, size); rank++) ideal += gain(rank);
  return size === 0 ? 0 : hits.reduce((sum, rank) => sum + gain(rank), 0) / ideal;
}

/** 1 / rank of the first relevant article among the first k (default: all), else 0. */
export function reciprocalRank(ranked: readonly string[], relevant: readonly string[], k = ranked.length): number {
  const { hits } = judged(ranked, relevant, k);
  return hits.length === 0 ? 0 : 1 / hits[0];
}

/** Precision at each relevant article among the first k, summed, over the number of relevant articles: its mean over readers is MAP. */
export function averagePrecisionAt(ranked: readonly string[], relevant: readonly string[], k: number): number {
  const { hits, size } = judged(ranked, relevant, k);
  return size === 0 ? 0 : hits.reduce((sum, rank, i) => sum + (i + 1) / rank, 0) / size;
}

/** Ranks (from 1, at most k) that hold a relevant article, and how many different relevant articles there are. */
function judged(ranked: readonly string[], relevant: readonly string[], k: number): { hits: number[]; size: number } {
  const set = new Set(relevant);
  const hits: number[] = [];
  for (let i = 0; i < Math.min(k, ranked.length); i++) if (set.has(ranked[i])) hits.push(i + 1);
  return { hits, size: set.size };
}
