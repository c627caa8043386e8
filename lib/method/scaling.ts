/** Scaling curves: how a metric grows with model size, and with N in best-of-N. Intervals resample readers, paired over all points. */
import { type Interval, interval, meanInterval, type Resamples, resampledMeans } from './bootstrap.ts';

/** One point of a curve: its abscissa (> 0; parameters, or N) and the metric of each reader. */
export interface ScalingPoint {
  x: number;
  values: ArrayLike<number>;
}

/** y = coefficient · x^exponent. */
export interface PowerLaw {
  coefficient: number;
  exponent: Interval;
  formula: string;
}

/** Least squares in log-log. At least two points of different x, with positive means. */
export function fitPowerLaw(points: readonly ScalingPoint[], resamples: Resamples): PowerLaw {
  const logX = points.map(({ x }) => Math.log(x));
  const fit = (means: readonly number[]): { slope: number; intercept: number } =>
    leastSquares(logX, means.map(Math.log));
  const { observed, resampled } = meansOf(points, resamples);
  const { slope, intercept } = fit(observed);
  const coefficient = Math.exp(intercept);
  const slopes = Float64Array.from(resampled, (means) => fit(means).slope).filter(Number.isFinite);
  return {
    coefficient,
    exponent: interval(slope, slopes),
    formula: `y = ${coefficient.toPrecision(3)} · x^${slope.toPrecision(3)}`,
  };
}

/** y = ceiling - gap · x^-rate: gains that run out. */
export interface Saturation {
  ceiling: Interval;
  gap: number;
  rate: Interval;
  formula: string;
}

/** Least squares over ceiling and gap for each rate of a grid (0.05 to 4). At least three points of different x. */
export function fitSaturation(points: readonly ScalingPoint[], resamples: Resamples): Saturation {
  const x = points.map((point) => point.x);
  const { observed, resampled } = meansOf(points, resamples);
  const best = saturate(x, observed);
  const fits = resampled.map((means) => saturate(x, means));
  return {
    ceiling: interval(
      best.ceiling,
      Float64Array.from(fits, ({ ceiling }) => ceiling),
    ),
    gap: best.gap,
    rate: interval(
      best.rate,
      Float64Array.from(fits, ({ rate }) => rate),
    ),
    formula: `y = ${best.ceiling.toPrecision(3)} - ${best.gap.toPrecision(3)} · x^-${best.rate.toPrecision(3)}`,
  };
}

const rates = Array.from({ length: 80 }, (_, i) => 0.05 * 80 ** (i / 79));

function saturate(x: readonly number[], y: readonly number[]): { ceiling: number; gap: number; rate: number } {
  let best = { ceiling: Number.NaN, gap: Number.NaN, rate: Number.NaN, error: Number.POSITIVE_INFINITY };
  for (const rate of rates) {
    const feature = x.map((value) => value ** -rate);
    const { slope, intercept } = leastSquares(feature, y);
    const error = y.reduce((sum, value, i) => sum + (value - intercept - slope * feature[i]) ** 2, 0);
    if (error < best.error) best = { ceiling: intercept, gap: -slope, rate, error };
  }
  return best;
}

function leastSquares(x: readonly number[], y: readonly number[]): { slope: number; intercept: number } {
  const meanX = x.reduce((sum, value) => sum + value, 0) / x.length;
  const meanY = y.reduce((sum, value) => sum + value, 0) / y.length;
  const across = x.reduce((sum, value, i) => sum + (value - meanX) * (y[i] - meanY), 0);
  const along = x.reduce((sum, value) => sum + (value - meanX) ** 2, 0);
  const slope = across / along;
  return { slope, intercept: meanY - slope * meanX };
}

function meansOf(points: readonly ScalingPoint[], resamples: Resamples): { observed: number[]; resampled: number[][] } {
  const observed = points.map(({ values }) => meanInterval(values, resamples).mean);
  const columns = points.map(({ values }) => resampledMeans(values, resamples));
  const resampled = Array.from({ length: resamples.samples }, (_, sample) => columns.map((means) => means[sample]));
  return { observed, resampled };
}
