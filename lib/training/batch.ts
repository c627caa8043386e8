/** From stored rollouts and scores to what an optimizer step needs: groups with advantages; and the figures that are logged of them. */
import type { RolloutRow, ScoreRow } from '../data/rows.ts';
import { advantagesOf, judgedLists, rewardShares, zeroVarianceGroups } from '../method/grpo.ts';
import { type RewardName, rewardNames } from '../method/rewards.ts';
import type { TeacherSettings } from '../pipeline/stage-settings.ts';
import type { ScoredGroup } from '../tensor/learner.ts';

/** Groups of a round, one a reader, in stored order, and the round's figures so far. */
export interface RoundBatch {
  groups: ScoredGroup[];
  metrics: Record<string, number>;
}

/** `promptOf` gives a reader's prompt. Rows of a reader's group stand together, `group` of them, scores in the same order as rollouts. */
export function roundBatch(
  rollouts: readonly RolloutRow[],
  scores: readonly ScoreRow[],
  settings: TeacherSettings,
  promptOf: (readerId: string) => Int32Array,
): RoundBatch {
  const { group, weights } = settings;
  const rewards = Float64Array.from(scores, ({ total }) => total ?? Number.NaN);
  const advantages = advantagesOf[settings.loss](rewards, group);
  const judged = judgedLists(rewards);
  const parts = Object.fromEntries(
    rewardNames.map((name) => [name, Float64Array.from(scores, (score) => score[name] ?? Number.NaN)]),
  ) as Record<RewardName, Float64Array>;
  const used = judged.map((is, i) => Number(is === 1 && !(settings.truncated === 'mask' && !rollouts[i].finished)));
  const shares = rewardShares(parts, weights, { advantages, judged, used, group });

  const groups: ScoredGroup[] = [];
  for (let start = 0; start < rollouts.length; start += group) {
    const lists = rollouts.slice(start, start + group);
    groups.push({
      prompt: promptOf(lists[0].reader_id),
      completions: lists.map(({ tokens, logprobs }, i) => ({
        tokens: Int32Array.from(tokens),
        logprobs: Float32Array.from(logprobs),
        advantage: advantages[start + i],
        masked: used[start + i] === 0,
      })),
    });
  }
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const known = (values: Float64Array): number[] => [...values].filter((value) => !Number.isNaN(value));
  const deviation = (values: readonly number[]): number =>
    Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
  return {
    groups,
    metrics: {
      reward: mean(known(rewards)),
      reward_std: deviation(known(rewards)),
      ...Object.fromEntries(
        rewardNames.flatMap((name) => [
          [`reward_${name}`, mean(known(parts[name]))],
          [`reward_${name}_std`, deviation(known(parts[name]))],
          [`share_${name}`, shares[name]],
        ]),
      ),
      length: mean(rollouts.map(({ tokens }) => tokens.length)),
      queries: mean(rollouts.map(({ queries }) => queries.length)),
      truncated: mean(rollouts.map(({ finished }) => (finished ? 0 : 1))),
      unjudged: mean([...judged].map((one) => 1 - one)),
      zero_variance: zeroVarianceGroups(rewards, group),
    },
  };
}

/** Linear decay to a tenth over the whole run after a linear warm-up: the rate of optimizer step `step` of `steps`. */
export function linearRate(peak: number, step: number, steps: number, warmupSteps: number): number {
  return peak * Math.min(1, (step + 1) / Math.max(1, warmupSteps)) * (1 - (0.9 * step) / steps);
}
