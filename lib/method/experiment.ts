/** The A/B test: who is in which arm, whether the split is sound, and what the arms' figures say. Agrees with SciPy and statsmodels. */
import beta from '@stdlib/stats-base-dists-beta';
import chisquare from '@stdlib/stats-base-dists-chisquare';
import normal from '@stdlib/stats-base-dists-normal';
import type { Interval } from './bootstrap.ts';
import { covariance, normalQuantileOf, type TTest, twoSidedP, variance, welch } from './statistics.ts';
import { mean } from './vectors.ts';

/** Sample ratio mismatch: chi-square p of the arms' sizes under the planned weights (which sum to 1). Kohavi et al. 2020, ch. 21. */
export function srmP(observed: readonly number[], weights: readonly number[]): number {
  const total = observed.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 1;
  const statistic = observed.reduce(
    (sum, count, i) => sum + (count - total * weights[i]) ** 2 / (total * weights[i]),
    0,
  );
  return 1 - chisquare.cdf(statistic, observed.length - 1);
}

/** One-sided exact p of `count` or more among n, where each is one with probability `share` at most (binomial; its tail as a beta distribution). */
export function exceedsP(count: number, n: number, share: number): number {
  return count === 0 ? 1 : beta.cdf(share, count, n - count + 1);
}

/** Two proportions: z test with pooled variance, two-sided; difference with Wald interval. Arms as [successes, trials]. */
export function twoProportions(
  treatment: readonly [number, number],
  control: readonly [number, number],
  confidence = 0.95,
): { z: number; p: number; difference: number; low: number; high: number } {
  const [x1, n1] = treatment;
  const [x2, n2] = control;
  const p1 = x1 / n1;
  const p2 = x2 / n2;
  const pooled = (x1 + x2) / (n1 + n2);
  const difference = p1 - p2;
  const z = difference / Math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2));
  const half = normalQuantileOf(confidence) * Math.sqrt((p1 * (1 - p1)) / n1 + (p2 * (1 - p2)) / n2);
  return { z, p: twoSidedP(z), difference, low: difference - half, high: difference + half };
}

/**
 * CUPED (Deng et al. 2013): a metric less what its value before the experiment explains, then Welch's test of the arms.
 * `arm`: 1 treatment, 0 control. θ is estimated over both arms together.
 */
export function cuped(
  pre: readonly number[],
  post: readonly number[],
  arm: readonly number[],
): TTest & { theta: number; varianceReduction: number } {
  const theta = covariance(post, pre) / variance(pre);
  const meanPre = mean(pre);
  const adjusted = post.map((value, i) => value - theta * (pre[i] - meanPre));
  const ofArm = (which: number): number[] => adjusted.filter((_, i) => arm[i] === which);
  return {
    ...welch(ofArm(1), ofArm(0)),
    theta,
    varianceReduction: 1 - variance(adjusted) / variance(post),
  };
}

/** Readers an arm needs for a relative lift of a rate to be found: two-sided, arcsine effect size, equal arms. Not rounded. */
export function sampleSize(options: { baseRate: number; relativeLift: number; alpha: number; power: number }): number {
  const { baseRate, relativeLift, alpha, power } = options;
  const arcsine = (rate: number): number => 2 * Math.asin(Math.sqrt(rate));
  const effect = Math.abs(arcsine(baseRate * (1 + relativeLift)) - arcsine(baseRate));
  const critical = normal.quantile(1 - alpha / 2, 0, 1);
  const powerAt = (n: number): number => {
    const shift = effect * Math.sqrt(n / 2);
    return normal.cdf(shift - critical, 0, 1) + normal.cdf(-shift - critical, 0, 1);
  };
  let low = 0;
  let high = 1;
  while (powerAt(high) < power) high *= 2;
  for (let i = 0; i < 200 && low < high; i++) {
    const middle = (low + high) / 2;
    if (powerAt(middle) < power) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * Always-valid p of a two-sided mixture SPRT: a mean of n normal observations of known variance against 0, with N(0, τ²) as the
 * mixture (Johari et al. 2017). May be looked at any number of times: take the smallest so far.
 */
export function alwaysValidP(options: { mean: number; n: number; variance: number; mixtureVariance: number }): number {
  const { mean: observed, n, variance: s2, mixtureVariance: tau2 } = options;
  const spread = s2 + n * tau2;
  const likelihoodRatio = Math.sqrt(s2 / spread) * Math.exp((n * n * tau2 * observed * observed) / (2 * s2 * spread));
  return Math.min(1, 1 / likelihoodRatio);
}

/** An arm's figure, with the variance of its estimate. */
export interface Estimate {
  value: number;
  variance: number;
  readers: number;
}

/** Mean over readers, such as days active (DAU is this times the readers, over days). */
export function meanEstimate(values: ArrayLike<number>): Estimate {
  return { value: mean(values), variance: variance(values) / values.length, readers: values.length };
}

/** Σ numerators / Σ denominators with readers as the unit, such as CTR = clicks / articles shown: delta method (Deng et al. 2018). */
export function ratioEstimate(numerators: ArrayLike<number>, denominators: ArrayLike<number>): Estimate {
  const below = mean(denominators);
  const value = mean(numerators) / below;
  const spread =
    variance(numerators) - 2 * value * covariance(numerators, denominators) + value * value * variance(denominators);
  return { value, variance: spread / (below * below) / numerators.length, readers: numerators.length };
}

/** What treatment changes: absolute and relative, with intervals and a two-sided p of no difference. */
export interface Comparison {
  control: number;
  treatment: number;
  difference: Interval;
  /** treatment / control - 1, delta method. */
  relative: Interval;
  p: number;
  /** Of no relative change, for those who look before the plan is over. */
  alwaysValidP: number;
}

/** Relative changes of about this size are found soonest by the sequential test: the guardrails' order of magnitude. */
export const MIXTURE_DEVIATION = 0.1;

/** Compares independent arms by the normal approximation: hundreds of readers an arm and more. */
export function compareArms(treatment: Estimate, control: Estimate, confidence = 0.95): Comparison {
  const quantile = normalQuantileOf(confidence);
  const around = (center: number, error: number): Interval => ({
    mean: center,
    low: center - quantile * error,
    high: center + quantile * error,
  });
  const difference = treatment.value - control.value;
  const error = Math.sqrt(treatment.variance + control.variance);
  const ratio = treatment.value / control.value;
  const relativeError = Math.sqrt(treatment.variance + ratio * ratio * control.variance) / Math.abs(control.value);
  return {
    control: control.value,
    treatment: treatment.value,
    difference: around(difference, error),
    relative: around(ratio - 1, relativeError),
    p: error === 0 ? (difference === 0 ? 1 : 0) : twoSidedP(difference / error),
    alwaysValidP:
      relativeError === 0
        ? 1
        : alwaysValidP({
            mean: ratio - 1,
            n: 1,
            variance: relativeError ** 2,
            mixtureVariance: MIXTURE_DEVIATION ** 2,
          }),
  };
}
