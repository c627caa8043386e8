/**
 * Group-relative advantages. Rewards are [readers × group], row-major; a list without a judgement is NaN: it is left out of its group's
 * mean, its advantage is 0, and `judgedLists` masks it in the loss. The policy loss itself is tensor/losses.ts.
 */
import type { lossNames } from '../pipeline/stage-settings.ts';
import { type RewardName, rewardNames } from './rewards.ts';

/** Advantages of [readers × group] rewards, same shape. */
export type Advantage = (rewards: Float64Array, group: number) => Float64Array;

/** Centred group advantage of Dr. GRPO: A_i = R_i - mean(R). Liu et al. 2025, eq. 3. */
export function centredAdvantages(rewards: Float64Array, group: number): Float64Array {
  return eachGroup(rewards, group, (lists) => {
    const { mean } = moments(lists);
    return lists.map((reward) => reward - mean);
  });
}

/** Standardised group advantage of GRPO: A_i = (R_i - mean(R)) / (std(R) + 1e-4), with the sample's std. Shao et al. 2024; TRL's epsilon. */
export function standardisedAdvantages(rewards: Float64Array, group: number): Float64Array {
  return eachGroup(rewards, group, (lists) => {
    const { mean, deviation } = moments(lists);
    return lists.map((reward) => (reward - mean) / (deviation + 1e-4));
  });
}

/** The advantage of each loss variant. */
export const advantagesOf: Record<(typeof lossNames)[number], Advantage> = {
  dr_grpo: centredAdvantages,
  grpo: standardisedAdvantages,
  dapo: standardisedAdvantages,
  gspo: standardisedAdvantages,
};

/** 1 where the list has a reward, 0 where its judgement is missing. */
export function judgedLists(rewards: Float64Array): Uint8Array {
  return Uint8Array.from(rewards, (reward) => (Number.isNaN(reward) ? 0 : 1));
}

/** Groups that teach nothing, because all their judged lists got the same reward. */
export function zeroVarianceGroups(rewards: Float64Array, group: number): number {
  let count = 0;
  for (let start = 0; start < rewards.length; start += group) {
    const judged = rewards.subarray(start, start + group).filter((reward) => !Number.isNaN(reward));
    if (judged.every((reward) => Math.abs(reward - judged[0]) < 1e-12)) count++;
  }
  return count;
}

/** Of [readers × group] lists. */
export interface Update {
  advantages: Float64Array;
  /** 1 for each list that has a reward. */
  judged: Uint8Array;
  /** 1 for each of these that is in the update: a masked one is not. */
  used: Uint8Array;
  group: number;
}

/**
 * The reward-share ledger: each reward's exact share of the update. Advantages are linear in the rewards within a group
 * (A = s Σ_k λ_k (r_k - mean r_k)), so Σ A² splits into the rewards' covariances with A; the shares sum to 1 (all 0 where A is).
 * A share is negative where a reward pulled against the sum. `parts` are [readers × group], NaN where missing (of an unjudged list: anything).
 * Means are over judged lists, as those of the advantages.
 */
export function rewardShares(
  parts: Readonly<Record<RewardName, Float64Array>>,
  weights: Readonly<Record<RewardName, number>>,
  { advantages, judged, used, group }: Update,
): Record<RewardName, number> {
  const products = Object.fromEntries(rewardNames.map((name) => [name, 0])) as Record<RewardName, number>;
  for (let start = 0; start < advantages.length; start += group) {
    const members = Array.from({ length: group }, (_, i) => start + i).filter((i) => judged[i] === 1);
    const inUpdate = members.filter((i) => used[i] === 1);
    const inGroup = rewardNames.map((name) => {
      if (weights[name] === 0) return 0;
      return weights[name] * productSum(parts[name], advantages, { members, inUpdate });
    });
    const ofGroup = inGroup.reduce((sum, product) => sum + product, 0);
    const squared = inUpdate.reduce((sum, i) => sum + advantages[i] ** 2, 0);
    const scale = ofGroup === 0 ? 0 : squared / ofGroup;
    rewardNames.forEach((name, k) => {
      products[name] += scale * inGroup[k];
    });
  }
  const total = rewardNames.reduce((sum, name) => sum + products[name], 0);
  return Object.fromEntries(rewardNames.map((name) => [name, total === 0 ? 0 : products[name] / total])) as Record<
    RewardName,
    number
  >;
}

/** Best of the first n lists by composite reward: its index; the earliest of equals; 0 where none was judged. */
export function bestOf(totals: readonly (number | null)[], n: number): number {
  let best = -1;
  for (let i = 0; i < Math.min(n, totals.length); i++) {
    const total = totals[i];
    if (total === null || Number.isNaN(total)) continue;
    if (best < 0 || total > (totals[best] as number)) best = i;
  }
  return Math.max(0, best);
}

function eachGroup(rewards: Float64Array, group: number, advantage: (judged: number[]) => number[]): Float64Array {
  if (rewards.length % group !== 0)
    throw new RangeError(`${rewards.length} rewards are not a whole number of groups of ${group}`);
  const advantages = new Float64Array(rewards.length);
  for (let start = 0; start < rewards.length; start += group) {
    const judged = Array.from({ length: group }, (_, i) => start + i).filter((i) => !Number.isNaN(rewards[i]));
    advantage(judged.map((i) => rewards[i])).forEach((value, k) => {
      advantages[judged[k]] = value;
    });
  }
  return advantages;
}

function moments(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
}

/** Σ (x_i - mean x) a_i over members. */
/** Σ (x - mean x) a over `inUpdate`, the mean over `members`. */
function productSum(
  x: Float64Array,
  a: Float64Array,
  { members, inUpdate }: { members: readonly number[]; inUpdate: readonly number[] },
): number {
  const mean = members.reduce((sum, i) => sum + x[i], 0) / members.length;
  return inUpdate.reduce((sum, i) => sum + (x[i] - mean) * a[i], 0);
}
