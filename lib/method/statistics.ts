/** Tests and intervals that an experiment is read with; they agree with SciPy and statsmodels (tests/oracle/method-comparisons.ts). Distributions: stdlib. */
import normal from '@stdlib/stats-base-dists-normal';
import studentT from '@stdlib/stats-base-dists-t';
import { ascending } from './multiple-tests.ts';
import { mean } from './vectors.ts';

/** A test of whether a mean differs from another: two-sided. */
export interface TTest {
  t: number;
  /** Degrees of freedom. */
  df: number;
  p: number;
  difference: number;
  low: number;
  high: number;
}

/** Unbiased variance (divisor n - 1). */
export function variance(values: ArrayLike<number>): number {
  return covariance(values, values);
}

/** Unbiased covariance of values paired by position. */
export function covariance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const meanA = mean(a);
  const meanB = mean(b);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - meanA) * (b[i] - meanB);
  return sum / (a.length - 1);
}

/** Welch's t-test: mean(a) - mean(b) of independent samples of unequal variance. */
export function welch(a: ArrayLike<number>, b: ArrayLike<number>, confidence = 0.95): TTest {
  const errorA = variance(a) / a.length;
  const errorB = variance(b) / b.length;
  const df = (errorA + errorB) ** 2 / (errorA ** 2 / (a.length - 1) + errorB ** 2 / (b.length - 1));
  return tTest(mean(a) - mean(b), Math.sqrt(errorA + errorB), df, confidence);
}

/** Student's paired t-test: mean(a - b), paired by position. */
export function pairedT(a: ArrayLike<number>, b: ArrayLike<number>, confidence = 0.95): TTest {
  const differences = Float64Array.from(a, (value, i) => value - b[i]);
  const error = Math.sqrt(variance(differences) / differences.length);
  return tTest(mean(differences), error, differences.length - 1, confidence);
}

/**
 * Wilcoxon signed-rank test, two-sided p; zero differences are dropped. Exact up to 50 pairs without ties or zeros, else the normal
 * approximation with tie correction and without continuity correction: SciPy's default.
 */
export function wilcoxon(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const all = Array.from(a, (value, i) => value - b[i]);
  const differences = all.filter((difference) => difference !== 0);
  const n = differences.length;
  if (n === 0) return 1;
  const { ranks, ties } = ranksOf(differences.map(Math.abs));
  const positive = differences.reduce((sum, difference, i) => sum + (difference > 0 ? ranks[i] : 0), 0);
  if (n === all.length && n <= 50 && ties.length === 0) return exactSignedRankP(positive, n);
  const expected = (n * (n + 1)) / 4;
  const tied = ties.reduce((sum, size) => sum + size * (size * size - 1), 0);
  const error = Math.sqrt((n * (n + 1) * (2 * n + 1) - tied / 2) / 24);
  return twoSidedP((positive - expected) / error);
}

/** Two-sided p of a standard normal score. */
export function twoSidedP(z: number): number {
  return Math.min(1, 2 * normal.cdf(-Math.abs(z), 0, 1));
}

/** Half width of a two-sided interval, in standard errors. */
export function normalQuantileOf(confidence: number): number {
  return normal.quantile((1 + confidence) / 2, 0, 1);
}

/** Test and interval of a difference with this standard error. Without error, p is 1 of no difference and 0 of any; of an infinite error nothing is known. */
export function tTest(difference: number, error: number, df: number, confidence = 0.95): TTest {
  if (error === 0)
    return { t: Number.NaN, df, p: difference === 0 ? 1 : 0, difference, low: difference, high: difference };
  if (error === Number.POSITIVE_INFINITY) return { t: 0, df, p: 1, difference, low: -error, high: error };
  const t = difference / error;
  const half = studentT.quantile((1 + confidence) / 2, df) * error;
  return {
    t,
    df,
    p: Math.min(1, 2 * studentT.cdf(-Math.abs(t), df)),
    difference,
    low: difference - half,
    high: difference + half,
  };
}

/** Average ranks from 1, and the sizes of groups of equal values. */
export function ranksOf(values: readonly number[]): { ranks: number[]; ties: number[] } {
  const order = ascending(values);
  const ranks = values.map(() => Number.NaN);
  const ties: number[] = [];
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let i = start; i < end; i++) ranks[order[i]] = (start + end + 1) / 2;
    if (end - start > 1) ties.push(end - start);
    start = end;
  }
  return { ranks, ties };
}

/** Two-sided p of a signed-rank sum: share of the 2^n sign patterns at least as far out. */
function exactSignedRankP(positive: number, n: number): number {
  const total = (n * (n + 1)) / 2;
  const patterns = new Float64Array(total + 1);
  patterns[0] = 1;
  for (let rank = 1; rank <= n; rank++) {
    for (let sum = total; sum >= rank; sum--) patterns[sum] += patterns[sum - rank];
  }
  const tail = Math.min(positive, total - positive);
  let count = 0;
  for (let sum = 0; sum <= tail; sum++) count += patterns[sum];
  return Math.min(1, (2 * count) / 2 ** n);
}
