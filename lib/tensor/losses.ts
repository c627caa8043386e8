/** Loss formulas on traced tensors, one value a token. Their plain definitions are in method/; reference values come from TRL. */
import type { Tensor } from './graph.ts';
import { clamp } from './compositions.ts';
import {
  add,
  exp,
  gather,
  log,
  logSoftmax,
  maximum,
  minimum,
  mul,
  neg,
  reshape,
  scatterRows,
  sub,
  sum,
} from './ops.ts';

/** What a policy loss is made of: [tokens] each. */
export interface PolicyTerms {
  /** Log-probabilities under the policy, and under the one that sampled. */
  logprobs: Tensor;
  sampled: Tensor;
  advantage: Tensor;
  /** Index of the token's list below `lists`, and 1 / the list's length. */
  list: Tensor;
  share: Tensor;
  lists: number;
}

/** The ratio is kept in [1 - low, 1 + high] where the surrogate would gain by leaving it. */
export interface Clipping {
  low: number;
  high: number;
  /** Largest ratio, whatever the sign of the advantage (TRL's delta); null: none. */
  delta: number | null;
}

export interface PolicyLoss {
  /** Importance ratio of each token. */
  ratio: (terms: PolicyTerms) => Tensor;
  /** The weight of each list's tokens in the loss. Lengths are 0 for masked lists; `longest` is the constant maximum length. */
  weights: (lengths: readonly number[], longest: number) => number[];
}

/** The loss is Σ over tokens of weight · clipped surrogate. */
export const policyLosses = {
  /** Liu et al. 2025: every token counts alike, divided by a constant. */
  dr_grpo: { ratio: tokenRatio, weights: (lengths, longest) => lengths.map(() => 1 / (lengths.length * longest)) },
  /** Shao et al. 2024: mean over each list's tokens, then over lists. */
  grpo: { ratio: tokenRatio, weights: perList },
  /** Yu et al. 2025: mean over all tokens of the batch. */
  dapo: {
    ratio: tokenRatio,
    weights: (lengths) => {
      const tokens = Math.max(
        1,
        lengths.reduce((total, length) => total + length, 0),
      );
      return lengths.map(() => 1 / tokens);
    },
  },
  /** Zheng et al. 2025: one ratio a list, the geometric mean of its tokens' ratios. */
  gspo: { ratio: sequenceRatio, weights: perList },
} as const satisfies Record<string, PolicyLoss>;

export type PolicyLossName = keyof typeof policyLosses;

/** -min(ρ A, clip(ρ) A), [tokens] → [tokens]. Schulman et al. 2017, eq. 7. */
export function clippedSurrogate(ratio: Tensor, advantage: Tensor, { low, high, delta }: Clipping): Tensor {
  const bounded = delta === null ? ratio : clamp(ratio, 0, delta);
  return neg(minimum(mul(bounded, advantage), mul(clamp(ratio, 1 - low, 1 + high), advantage)));
}

/**
 * The estimator of KL(policy ‖ reference) that is never negative, exp(r) - r - 1 with r = log reference - log policy (Schulman 2020), times
 * the importance ratio, which makes value and gradient unbiased for lists of an older policy (DeepSeek-V3.2; TRL's default).
 */
export function klToReference(logprobs: Tensor, reference: Tensor, ratio: Tensor): Tensor {
  const difference = sub(reference, logprobs);
  return mul(ratio, sub(sub(exp(difference), difference), 1));
}

function tokenRatio({ logprobs, sampled }: PolicyTerms): Tensor {
  return exp(sub(logprobs, sampled));
}

function sequenceRatio({ logprobs, sampled, list, share, lists }: PolicyTerms): Tensor {
  const tokens = logprobs.shape[0];
  const means = scatterRows(reshape(mul(sub(logprobs, sampled), share), [tokens, 1]), list, lists);
  return exp(reshape(gather(means, list), [tokens]));
}

function perList(lengths: readonly number[]): number[] {
  return lengths.map((length) => 1 / (lengths.length * Math.max(1, length)));
}

/** A divergence of student from teacher logits [tokens, vocabulary] → [tokens], summed over the vocabulary, in nats. */
export type Divergence = (student: Tensor, teacher: Tensor) => Tensor;

/** As TRL's generalized_jsd_loss with beta 1, 0 and ½. No gradient reaches the teacher if its parameters are no trainer's. */
export const divergences = {
  /** KL(student ‖ teacher): what on-policy distillation minimises. */
  reverse_kl: (student, teacher) => kl(logSoftmax(student), logSoftmax(teacher)),
  /** KL(teacher ‖ student). */
  forward_kl: (student, teacher) => kl(logSoftmax(teacher), logSoftmax(student)),
  /** Jensen-Shannon: half of both to their mean. */
  jsd: (student, teacher) => {
    const [s, t] = [logSoftmax(student), logSoftmax(teacher)];
    const mixture = add(logAddExp(s, t), Math.log(0.5));
    return mul(add(kl(s, mixture), kl(t, mixture)), 0.5);
  },
} as const satisfies Record<string, Divergence>;

export type DivergenceName = keyof typeof divergences;

function kl(p: Tensor, q: Tensor): Tensor {
  return sum(mul(exp(p), sub(p, q)), [-1]);
}

function logAddExp(a: Tensor, b: Tensor): Tensor {
  const most = maximum(a, b);
  return add(most, log(add(1, exp(sub(minimum(a, b), most)))));
}
