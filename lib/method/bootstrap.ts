/** Paired bootstrap over readers (Efron 1979; percentile intervals). Paired: every method is looked at on the same resamples. */
import { keyOf, philox } from '../random.ts';
import { mean } from './vectors.ts';

/** A statistic with its interval. */
export interface Interval {
  mean: number;
  low: number;
  high: number;
}

/** Readers drawn with replacement: `counts[resample × readers + reader]` times each. */
export interface Resamples {
  readers: number;
  samples: number;
  counts: Uint16Array;
}

/** Draws resamples; the same readers, samples and seed give the same ones. */
export function drawResamples(readers: number, samples: number, seed: number): Resamples {
  const counts = new Uint16Array(readers * samples);
  const key = keyOf('bootstrap', seed, readers);
  for (let sample = 0; sample < samples; sample++) {
    const row = sample * readers;
    for (let drawn = 0; drawn < readers; ) {
      for (const word of philox([drawn, sample, 0, 0], key)) {
        if (drawn === readers) break;
        counts[row + Math.floor((word / 0x1_0000_0000) * readers)]++;
        drawn++;
      }
    }
  }
  return { readers, samples, counts };
}

/** Mean over readers. `values`: one a reader. */
export function meanInterval(values: ArrayLike<number>, resamples: Resamples, confidence = 0.95): Interval {
  return interval(mean(values), resampledMeans(values, resamples), confidence);
}

/** Mean of a - b over the same readers, in the same order. */
export function pairedDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  resamples: Resamples,
  confidence = 0.95,
): Interval {
  return meanInterval(
    Float64Array.from(a, (value, i) => value - b[i]),
    resamples,
    confidence,
  );
}

/** mean(a) / mean(b) over the same readers. Resamples in which mean(b) is 0 have no ratio and are left out. */
export function pairedRatio(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  resamples: Resamples,
  confidence = 0.95,
): Interval {
  const below = resampledMeans(b, resamples);
  const ratios = resampledMeans(a, resamples).map((above, i) => above / below[i]);
  return interval(mean(a) / mean(b), ratios.filter(Number.isFinite), confidence);
}

/** The mean of each resample. */
export function resampledMeans(values: ArrayLike<number>, { readers, samples, counts }: Resamples): Float64Array {
  if (values.length !== readers)
    throw new RangeError(`${values.length} values, but the resamples are of ${readers} readers`);
  const means = new Float64Array(samples);
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0;
    const row = sample * readers;
    for (let reader = 0; reader < readers; reader++) sum += counts[row + reader] * values[reader];
    means[sample] = sum / readers;
  }
  return means;
}

/** Percentile interval of resampled statistics around the observed one. */
export function interval(observed: number, resampled: Float64Array, confidence = 0.95): Interval {
  const sorted = resampled.toSorted();
  const tail = (1 - confidence) / 2;
  return { mean: observed, low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) };
}

/** Linear interpolation between order statistics. */
function quantile(sorted: Float64Array, q: number): number {
  if (sorted.length === 0) return Number.NaN;
  const position = q * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}
