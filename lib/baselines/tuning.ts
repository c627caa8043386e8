/** The trained baselines, all under one budget: as many settings tried, as many steps each, chosen by the same dev readers. */
import type { Reader } from '../data/rows.ts';
import type { BaselineName, EvaluateSettings } from '../pipeline/stage-settings.ts';
import type { AnnIndex } from '../retrieval/ann.ts';
import { judgeRanking } from '../training/recall.ts';
import type { TunedBaseline } from '../training/results.ts';
import { gru4rec } from './gru4rec.ts';
import { hstu } from './hstu.ts';
import { nrhub } from './nrhub.ts';
import { pinsage } from './pinsage.ts';
import { type NetworkOf, type Ranker, type RankerPlan, trainRanker } from './ranker.ts';
import { sasrec } from './sasrec.ts';

export const networks: Record<BaselineName, NetworkOf> = { gru4rec, sasrec, nrhub, pinsage, hstu };

export interface TuningPlan extends Omit<RankerPlan, 'settings'> {
  settings: EvaluateSettings['baselineTraining'];
  /** Whose mean Recall@10 chooses; not asked where there is one setting only. */
  dev: { readers: readonly Reader[]; index: AnnIndex };
}

/** Trains a baseline once for each learning rate and keeps the best; the first of equal ones. Throws DataError where there is nothing to learn from. */
export async function tuneBaseline(
  name: BaselineName,
  plan: TuningPlan,
): Promise<{ ranker: Ranker; tuned: TunedBaseline }> {
  const { dev, settings, report } = plan;
  const { learningRates, ...shared } = settings;
  const tried: TunedBaseline['tried'] = [];
  let best: { ranker: Ranker; learningRate: number; recall10: number | null } | null = null;
  for (const [i, learningRate] of learningRates.entries()) {
    const own = {
      ...plan,
      settings: { ...shared, learningRate },
      report: (fraction: number, loss: number) => report((i + fraction) / learningRates.length, loss),
    };
    const ranker = await trainRanker(networks[name](own), own);
    const recall10 = learningRates.length === 1 ? null : await meanRecall(ranker, dev);
    tried.push({ learningRate, loss: ranker.loss, recall10 });
    if (best === null || (recall10 ?? 0) > (best.recall10 ?? 0)) best = { ranker, learningRate, recall10 };
  }
  const { ranker, learningRate } = best as NonNullable<typeof best>;
  return { ranker, tuned: { ...shared, parameters: ranker.parameters, learningRate, tried } };
}

async function meanRecall(ranker: Ranker, { readers, index }: TuningPlan['dev']): Promise<number> {
  const judged = judgeRanking(readers, await ranker.rank(readers, index), index.articleIds);
  return judged.reduce((sum, of) => sum + of['recall@10'], 0) / judged.length;
}
