/** The five rewards of written lists, from the list, the reader's signals and the fresh articles; never from the next clicks. */
import type { Reader } from '../data/rows.ts';
import type { Judge } from '../method/judge.ts';
import {
  ALIGNED_ARTICLES,
  alignment,
  diversity,
  type RewardName,
  rewardNames,
  structure,
  totalReward,
} from '../method/rewards.ts';
import type { RewardWeights } from '../pipeline/policy-settings.ts';
import type { AnnIndex } from '../retrieval/ann.ts';
import { embedTexts } from '../retrieval/embed-texts.ts';
import type { Embedder } from '../retrieval/embedder.ts';
import type { WrittenList } from './lists.ts';

/** Rewards in [0, 1] and their weighted sum. `total` is null where the judge gave no answer: missing, not zero. */
export type Score = { readerId: string; sample: number; total: number | null } & Record<RewardName, number | null>;

export interface Scoring {
  embedder: Embedder;
  /** Index of the split's fresh articles. */
  index: AnnIndex;
  judge: Judge;
  weights: RewardWeights;
  /** Told the share that is judged. */
  progress?: (fraction: number) => void;
}

/** Scores of `lists[reader][sample]`, in the same order. */
export async function scoreLists(
  readers: readonly Reader[],
  lists: readonly WrittenList[][],
  scoring: Scoring,
): Promise<Score[][]> {
  const flat = lists.flatMap((ofReader, reader) => ofReader.map((list) => ({ reader: readers[reader], list })));
  const vectors = await embedTexts(
    flat.flatMap(({ list }) => list.queries),
    scoring.embedder,
  );
  const count = vectors.texts.length;
  const nearest = count > 0 ? scoring.index.search(vectors.rows, ALIGNED_ARTICLES).scores : new Float32Array();
  const width = count > 0 ? nearest.length / count : 0;

  const verdicts = await scoring.judge.judge(
    flat.map(({ reader, list }) => ({ reader, queries: list.queries, embeddings: list.queries.map(vectors.of) })),
    scoring.progress,
  );
  const scores = flat.map(({ reader, list }, i): Score => {
    const embeddings = list.queries.map(vectors.of);
    const cosines = list.queries.map((query) => {
      const row = vectors.at(query);
      return nearest.subarray(row * width, (row + 1) * width);
    });
    const verdict = verdicts[i];
    const parts: Record<RewardName, number | null> = {
      align: alignment(cosines),
      cov: verdict ? verdict.coverage : null,
      spec: verdict ? verdict.specificity : null,
      div: diversity(embeddings),
      struct: structure(list),
    };
    return { readerId: reader.readerId, sample: list.sample, ...parts, total: totalReward(parts, scoring.weights) };
  });

  let next = 0;
  return lists.map((ofReader) => ofReader.map(() => scores[next++]));
}

/** Mean of each part and of the total over lists; missing judgements are left out and counted. */
export function meanScores(scores: readonly Score[]): Record<RewardName | 'total', number> & { missing: number } {
  const mean = (name: RewardName | 'total'): number => {
    const present = scores.map((score) => score[name]).filter((value) => value !== null);
    return present.length === 0 ? Number.NaN : present.reduce((sum, value) => sum + value, 0) / present.length;
  };
  const parts = Object.fromEntries(rewardNames.map((name) => [name, mean(name)])) as Record<RewardName, number>;
  return { ...parts, total: mean('total'), missing: scores.filter((score) => score.total === null).length };
}
