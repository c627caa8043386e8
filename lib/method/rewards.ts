/** The five rewards of a list, each in [0, 1], and their weighted sum R (arXiv 2602.15005). */
import { dot, mean } from './vectors.ts';

/** align: retrieval alignment; cov: interest coverage; spec: query specificity; div: intra-list diversity; struct: structural validity. */
export const rewardNames = ['align', 'cov', 'spec', 'div', 'struct'] as const;
export type RewardName = (typeof rewardNames)[number];

/** Rewards of one list. null: missing, because the judge gave no answer. */
export type Rewards = Record<RewardName, number | null>;

/** K of the alignment reward. */
export const ALIGNED_ARTICLES = 10;

/** Mean over queries of the mean cosine to its top K articles. `cosines[query]` holds those K, in any order. No query: 0. */
export function alignment(cosines: readonly ArrayLike<number>[]): number {
  return cosines.length === 0 ? 0 : unit(mean(cosines.map((top) => (top.length === 0 ? 0 : unit(mean(top))))));
}

/** Mean cosine distance over all pairs of queries. `embeddings` are unit rows, one a query; a row of zeros (no known word) differs from none. Fewer than two queries: 0. */
export function diversity(embeddings: readonly Float32Array[]): number {
  const distances: number[] = [];
  const isKnown = (row: Float32Array): boolean => row.some((x) => x !== 0);
  embeddings.forEach((a, i) =>
    embeddings.slice(i + 1).forEach((b) => distances.push(isKnown(a) && isKnown(b) ? 1 - dot(a, b) : 0)),
  );
  return distances.length === 0 ? 0 : unit(mean(distances));
}

/** 1 where the list parsed in the required format, else 0. */
export function structure(list: { valid: boolean }): number {
  return list.valid ? 1 : 0;
}

// Coverage and specificity are the judge's: local-judge.ts (its rule: rubric.ts) or openai-judge.ts.

/** R = Σ λ_k r_k. null where a reward that counts is missing: no total can stand for it. */
export function totalReward(rewards: Rewards, weights: Readonly<Record<RewardName, number>>): number | null {
  let total = 0;
  for (const name of rewardNames) {
    const reward = rewards[name];
    if (weights[name] === 0) continue;
    if (reward === null) return null;
    total += weights[name] * reward;
  }
  return total;
}

function unit(x: number): number {
  return Math.min(1, Math.max(0, x));
}
