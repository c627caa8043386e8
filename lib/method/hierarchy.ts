/**
 * The difference of two methods measured on the same readers by several training runs: seeds × readers, in one or more worlds.
 *
 * A reader's difference in one run is: world's mean + seed + reader + rest. Each seed of a world measures the same readers (crossed),
 * so neither the runs nor the readers are independent observations, and an interval over readers of one run is too narrow: it forgets that
 * another seed would have trained another model. Seeds and readers are both drawn from populations that the statement is about (random);
 * the worlds are the ones that were measured (fixed): two worlds cannot tell how worlds differ, so each world's difference stands beside.
 *
 * The error is that of the two-way analysis of variance without replication, with Satterthwaite's degrees of freedom (Satterthwaite 1946;
 * for readers and runs both random: Clark 1973). Why not the bootstrap or a t over the runs' means: with three seeds in two worlds their
 * 95 % intervals hold the truth too rarely; docs/statistics.md has the coverage of each, `tests/simulations/run.ts` measures it.
 */
import studentT from '@stdlib/stats-base-dists-t';
import type { Interval } from './bootstrap.ts';
import { tTest } from './statistics.ts';

/** One reader in one run, by two methods. Names are compared as they are; a seed of one world is no seed of another. */
export interface PairedRow {
  seed: string | number;
  world: string | number;
  reader: string;
  ours: number;
  other: number;
}

export interface PairedEffect {
  /** Mean of ours - other: over readers and seeds of a world, then over worlds, each world counting the same. */
  difference: Interval;
  /** Two-sided, of no difference: below 1 - confidence where the interval leaves out 0, and only there. */
  p: number;
  /** Standard error of the difference and its degrees of freedom; Infinity and 0 where a world has one seed or one reader. */
  error: number;
  df: number;
  /** Cohen's d_z: the difference in standard deviations of one reader's difference in one run, within worlds. */
  standardised: number;
  /** The smallest true difference that is found four times out of five at these numbers of seeds and readers (approximate). */
  detectable: number;
  /** Share of the squared error that more seeds would lower; the rest falls with more readers. */
  seedShare: number;
  /** The difference in each world, in the order of the rows. */
  worlds: { world: string | number; difference: number; seeds: number; readers: number }[];
}

/**
 * The mean difference with an interval for other seeds and other readers of these worlds. One seed in a world says nothing about others:
 * the interval is then unbounded and p is 1. RangeError where a value is missing or the seeds of a world measured different readers.
 */
export function pairedEffect(rows: readonly PairedRow[], confidence = 0.95): PairedEffect {
  if (rows.length === 0) throw new RangeError('no rows to compare: measure both methods on at least one reader');
  const worlds = worldsOf(rows);
  const parts = worlds.map(analyse);
  const over = (value: (part: Parts) => number): number =>
    parts.reduce((sum, part) => sum + value(part), 0) / parts.length;
  const difference = over(({ mean }) => mean);
  const { error, df, seedShare } = standardError(parts);
  const { low, high, p } = tTest(difference, error, df, confidence);
  const deviation = Math.sqrt(over(({ variance }) => variance));
  return {
    difference: { mean: difference, low, high },
    p,
    error,
    df,
    standardised: difference === 0 ? 0 : difference / deviation,
    detectable: detectable({ error, df }, 1 - confidence),
    seedShare,
    worlds: worlds.map(({ world, differences }, i) => ({
      world,
      difference: parts[i].mean,
      seeds: differences.length,
      readers: differences[0].length,
    })),
  };
}

/** The smallest true difference that a two-sided test at `significance` finds four times out of five (approximate); Infinity for no degrees of freedom. */
export function detectable({ error, df }: Pick<PairedEffect, 'error' | 'df'>, significance: number): number {
  if (df === 0) return Number.POSITIVE_INFINITY;
  return (studentT.quantile(1 - significance / 2, df) + studentT.quantile(0.8, df)) * error;
}

/** What one world says: mean, variance of single differences, and mean squares over (seeds · readers), with their degrees of freedom. */
interface Parts {
  mean: number;
  variance: number;
  /** Of the means of seeds, expected: (seed variance) / seeds + (rest variance) / (seeds · readers). */
  seeds: number;
  /** Of the means of readers, expected: (reader variance) / readers + (rest variance) / (seeds · readers). */
  readers: number;
  /** Expected: (rest variance) / (seeds · readers). */
  rest: number;
  df: { seeds: number; readers: number };
}

function analyse({ differences }: { differences: Float64Array[] }): Parts {
  const s = differences.length;
  const n = differences[0].length;
  const seedMeans = differences.map((row) => row.reduce((sum, value) => sum + value, 0) / n);
  const readerMeans = Float64Array.from(
    differences[0],
    (_, i) => differences.reduce((sum, row) => sum + row[i], 0) / s,
  );
  const mean = seedMeans.reduce((sum, value) => sum + value, 0) / s;
  let total = 0;
  let rest = 0;
  for (const [seed, row] of differences.entries()) {
    for (let i = 0; i < n; i++) {
      total += (row[i] - mean) ** 2;
      rest += (row[i] - seedMeans[seed] - readerMeans[i] + mean) ** 2;
    }
  }
  const squares = (values: Iterable<number>): number =>
    Array.from(values).reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    mean,
    variance: total / (s * n - 1),
    seeds: squares(seedMeans) / ((s - 1) * s),
    readers: squares(readerMeans) / ((n - 1) * n),
    rest: rest / ((s - 1) * (n - 1) * s * n),
    df: { seeds: s - 1, readers: n - 1 },
  };
}

/**
 * Squared error = readers + (seeds - rest), the latter never below 0. Seeds' degrees of freedom count per world, without assuming that seeds
 * scatter equally in all worlds.
 */
function standardError(parts: readonly Parts[]): { error: number; df: number; seedShare: number } {
  if (parts.some(({ df }) => df.seeds === 0 || df.readers === 0)) {
    return { error: Number.POSITIVE_INFINITY, df: 0, seedShare: Number.NaN };
  }
  const sum = (of: (part: Parts) => number): number => parts.reduce((total, part) => total + of(part), 0);
  const squared = parts.length ** 2;
  const fromSeeds = Math.max(0, sum(({ seeds }) => seeds) - sum(({ rest }) => rest)) / squared;
  const variance = sum(({ readers }) => readers) / squared + fromSeeds;
  const spread = sum(
    ({ seeds, readers, rest, df }) =>
      seeds ** 2 / df.seeds + readers ** 2 / df.readers + rest ** 2 / (df.seeds * df.readers),
  );
  // Constant differences have no error: any degrees of freedom give the same interval.
  const df = spread === 0 ? 1 : (variance * squared) ** 2 / spread;
  return { error: Math.sqrt(variance), df, seedShare: variance === 0 ? 0 : fromSeeds / variance };
}

/** Differences by world, [seed][reader], readers in one order. */
function worldsOf(rows: readonly PairedRow[]): { world: string | number; differences: Float64Array[] }[] {
  const worlds = new Map<string | number, Map<string | number, Map<string, number>>>();
  for (const { world, seed, reader, ours, other } of rows) {
    const where = `reader ${reader} of world ${world}, seed ${seed}`;
    if (!Number.isFinite(ours - other)) {
      throw new RangeError(
        `${where}: ${ours} against ${other} is no pair of figures; leave the reader out in every seed`,
      );
    }
    const seeds = worlds.get(world) ?? new Map<string | number, Map<string, number>>();
    const readers = seeds.get(seed) ?? new Map<string, number>();
    if (readers.has(reader)) throw new RangeError(`${where} is there twice: give one row a reader, seed and world`);
    readers.set(reader, ours - other);
    worlds.set(world, seeds.set(seed, readers));
  }
  return [...worlds].map(([world, seeds]) => {
    const [first] = seeds.values();
    const differences = [...seeds].map(([seed, readers]) => {
      const values = Float64Array.from(first.keys(), (reader) => readers.get(reader) ?? Number.NaN);
      if (readers.size !== first.size || values.some(Number.isNaN)) {
        throw new RangeError(
          `world ${world}: seed ${seed} measured other readers than its first seed; measure the same readers in every seed`,
        );
      }
      return values;
    });
    return { world, differences };
  });
}
