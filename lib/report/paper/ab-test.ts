/** The A/B tests of all lanes as one. */
import type { Interval } from '../../method/bootstrap.ts';
import { alwaysValidP, MIXTURE_DEVIATION } from '../../method/experiment.ts';
import { holm } from '../../method/multiple-tests.ts';
import { normalQuantileOf, twoSidedP } from '../../method/statistics.ts';
import type { AbChange, AbTest, Beside, Verdict } from './figures.ts';

const metrics = [
  { metric: 'dau', words: 'daily active readers rise', paper: '+0.95 % (p = .012)' },
  { metric: 'ctr', words: 'the click-through rate rises', paper: '+0.22 % (p = .031)' },
  { metric: 'cold_dau', words: 'daily active cold readers rise', paper: '+4.38 % (p = .004)' },
] as const;

const POWER = 0.8;

/**
 * Tests of independent splits, weighted by their precision (inverse variance); Holm over the metrics that were measured. Of a lane whose
 * split is broken nothing is used.
 */
export function abTests(
  all: Beside['experiments'],
  { significance, srmThreshold }: { significance: number; srmThreshold: number },
): AbTest[] {
  const experiments = all.filter(({ srmP }) => srmP >= srmThreshold);
  const readersOf = (metric: string): AbTest['readers'] => {
    const counts = experiments.map((one) => (metric === 'cold_dau' ? one.coldReaders : one.readers));
    const sum = (arm: 'control' | 'treatment'): number => counts.reduce((total, count) => total + count[arm], 0);
    return {
      control: sum('control'),
      treatment: sum('treatment'),
      lanes: experiments.length,
      broken: all.length - experiments.length,
    };
  };
  const changes = metrics.map(({ metric }) =>
    combined(experiments.flatMap((one) => one.metrics[metric]?.relative ?? [])),
  );
  const adjusted = holm(changes.map((change) => change?.p ?? 1).filter((_, i) => changes[i] !== null));
  return metrics.map((spec, i): AbTest => {
    const change = changes[i];
    const readers = readersOf(spec.metric);
    if (change === null) return { ...spec, change, readers, verdict: 'not measured' };
    const p = adjusted[changes.slice(0, i).filter((before) => before !== null).length];
    return { ...spec, change: { ...change, p }, readers, verdict: verdictOf(change.relative.mean, p, significance) };
  });
}

function combined(changes: readonly Interval[]): AbChange | null {
  if (changes.length === 0) return null;
  const quantile = normalQuantileOf(0.95);
  const weights = changes.map(({ low, high }) => ((high - low) / (2 * quantile)) ** -2);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = changes.reduce((sum, { mean: change }, i) => sum + weights[i] * change, 0) / total;
  const error = Math.sqrt(1 / total);
  return {
    relative: { mean, low: mean - quantile * error, high: mean + quantile * error },
    p: twoSidedP(mean / error),
    alwaysValidP: alwaysValidP({ mean, n: 1, variance: error ** 2, mixtureVariance: MIXTURE_DEVIATION ** 2 }),
    // Counts scatter by their roots: the error of a ratio r of two counts goes with √(r (1 + r)). Of no change, r is 1.
    detectable: (quantile + normalQuantileOf(2 * POWER - 1)) * error * Math.sqrt(2 / ((1 + mean) * (2 + mean))),
  };
}

function verdictOf(change: number, p: number, significance: number): Verdict {
  if (p > significance) return 'cannot be told at this n';
  return change > 0 ? 'holds' : 'does not hold';
}
