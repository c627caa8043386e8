/**
 * Scaling curves: how a metric grows with model size, and with N in best-of-N. Within one run, intervals resample readers, paired over all
 * points; over several runs, they hold for other seeds and readers (hierarchy.ts). They take the law as given: how far sizes stray from it
 * is what the prediction of the largest size tests.
 */
import { type Interval, interval, meanInterval, type Resamples, resampledMeans } from './bootstrap.ts';
import { type PairedRow, pairedEffect } from './hierarchy.ts';
import { tTest } from './statistics.ts';

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
  const slopes = Float64Array.from(resampled, (means) => fit(means).slope).filter(Number.isFinite);
  return powerLaw(intercept, interval(slope, slopes));
}

/** The metric of one reader, by the model of one size (> 0; parameters) that one run trained. */
export interface SizeRow extends Omit<PairedRow, 'ours' | 'other'> {
  size: number;
  value: number;
}

export interface CapacityLaw extends PowerLaw {
  /** Two-sided, of an exponent of 0. */
  p: number;
  /** The metric at each size, smallest first: mean over readers and seeds of a world, then over worlds. */
  means: { size: number; mean: number }[];
  /** The largest size as the others predict it; `predicted`: where its measured mean lies in 95 of 100 repetitions, if the law holds. Null: of one seed nobody can tell. */
  largest: { size: number; measured: number; predicted: Interval; isAsPredicted: boolean | null };
}

/**
 * A power law over the means of sizes (least squares in log-log), and the largest size predicted from the law of the others. Exponent and
 * error of prediction are linear in the logarithms of the means, so each has the standard error of that sum over readers (delta method),
 * with seeds and readers as in hierarchy.ts. RangeError with fewer than four sizes, a mean that is not positive, or sizes that measured
 * different seeds or readers.
 */
export function fitCapacityLaw(rows: readonly SizeRow[], confidence = 0.95): CapacityLaw {
  const bySize = [...Map.groupBy(rows, ({ size }) => size)].toSorted(([a], [b]) => a - b);
  if (bySize.length < 4)
    throw new RangeError(`${bySize.length} sizes: a law whose prediction can fail needs at least four, measure more`);
  const sizes = bySize.map(([size]) => size);
  const means = bySize.map(([, ofSize]) => meanOverSeeds(ofSize));
  const bad = means.findIndex((mean) => !(mean > 0));
  if (bad >= 0)
    throw new RangeError(`the mean at size ${sizes[bad]} is ${means[bad]}: a power law needs positive ones`);

  const logX = sizes.map(Math.log);
  const logY = means.map(Math.log);
  const { slope, intercept } = leastSquares(logX, logY);
  const exponent = errorOfLogs(bySize, means, slopeWeights(logX));
  const tested = tTest(slope, exponent.error, exponent.df, confidence);

  const last = sizes.length - 1;
  const others = predictionWeights(logX.slice(0, last), logX[last]);
  const predicted = others.reduce((sum, weight, i) => sum + weight * logY[i], 0);
  const miss = errorOfLogs(bySize, means, [...others.map((weight) => -weight), 1]);
  const range = tTest(predicted, miss.error, miss.df, confidence);
  const [low, high] = [Math.exp(range.low), Math.exp(range.high)];
  return {
    ...powerLaw(intercept, { mean: slope, low: tested.low, high: tested.high }),
    p: tested.p,
    means: sizes.map((size, i) => ({ size, mean: means[i] })),
    largest: {
      size: sizes[last],
      measured: means[last],
      predicted: { mean: Math.exp(predicted), low, high },
      isAsPredicted: Number.isFinite(miss.error) ? low <= means[last] && means[last] <= high : null,
    },
  };
}

/** y = ceiling - gap · x^-rate: gains that run out. */
export interface Saturation {
  ceiling: Interval;
  gap: number;
  rate: Interval;
  formula: string;
}

/** Least squares over ceiling and gap, for the best rate from 0.05 to 4. At least three points of different x. */
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

function powerLaw(intercept: number, exponent: Interval): PowerLaw {
  const coefficient = Math.exp(intercept);
  const formula = `y = ${coefficient.toPrecision(3)} · x^${exponent.mean.toPrecision(3)}`;
  return { coefficient, exponent, formula };
}

function meanOverSeeds(rows: readonly SizeRow[]): number {
  return pairedEffect(rows.map((row) => ({ ...row, ours: row.value, other: 0 }))).difference.mean;
}

/** Standard error of Σ weight · log(mean) over sizes: that of Σ weight · value / mean over readers. */
function errorOfLogs(
  bySize: readonly (readonly [number, readonly SizeRow[]])[],
  means: readonly number[],
  weights: readonly number[],
): { error: number; df: number } {
  const sums = new Map<string, PairedRow>();
  for (const [k, [size, ofSize]] of bySize.entries()) {
    if (k > 0 && ofSize.length !== sums.size) throw otherReaders(size);
    for (const { world, seed, reader, value } of ofSize) {
      const key = JSON.stringify([world, seed, reader]);
      const sum = sums.get(key) ?? { world, seed, reader, ours: 0, other: 0 };
      if (k > 0 && !sums.has(key)) throw otherReaders(size);
      sum.ours += (weights[k] * value) / means[k];
      sums.set(key, sum);
    }
  }
  return pairedEffect([...sums.values()]);
}

function otherReaders(size: number): RangeError {
  return new RangeError(
    `size ${size} measured other seeds or readers than the smallest size; measure the same for each`,
  );
}

/** The slope of least squares is Σ weight · y. */
function slopeWeights(x: readonly number[]): number[] {
  return x.map(
    (_, i) =>
      leastSquares(
        x,
        x.map((__, j) => (i === j ? 1 : 0)),
      ).slope,
  );
}

/** The value at `at` on the line of least squares is Σ weight · y. */
function predictionWeights(x: readonly number[], at: number): number[] {
  return x.map((_, i) => {
    const { slope, intercept } = leastSquares(
      x,
      x.map((__, j) => (i === j ? 1 : 0)),
    );
    return intercept + slope * at;
  });
}

const rates = Array.from({ length: 80 }, (_, i) => 0.05 * 80 ** (i / 79));

interface SaturationFit {
  ceiling: number;
  gap: number;
  rate: number;
  error: number;
}

/** The best rate of the grid, then golden-section search between its neighbours: the error has one minimum there. */
function saturate(x: readonly number[], y: readonly number[]): SaturationFit {
  const at = (rate: number): SaturationFit => {
    const feature = x.map((value) => value ** -rate);
    const { slope, intercept } = leastSquares(feature, y);
    const error = y.reduce((sum, value, i) => sum + (value - intercept - slope * feature[i]) ** 2, 0);
    return { ceiling: intercept, gap: -slope, rate, error };
  };
  const grid = rates.map(at);
  const best = grid.reduce((least, fit, i) => (fit.error < grid[least].error ? i : least), 0);
  let [low, high] = [rates[Math.max(0, best - 1)], rates[Math.min(rates.length - 1, best + 1)]];
  const golden = (Math.sqrt(5) - 1) / 2;
  while (high - low > 1e-9 * high) {
    const [left, right] = [high - golden * (high - low), low + golden * (high - low)];
    if (at(left).error < at(right).error) high = right;
    else low = left;
  }
  const found = at((low + high) / 2);
  return found.error < grid[best].error ? found : grid[best];
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
