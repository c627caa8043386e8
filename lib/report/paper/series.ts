/** The readers' figures of all arms, looked up by arm and method; and linear combinations of them, reader by reader. */
import { grow } from '../../data/dataset.ts';
import type { RankingMetrics } from '../../method/metrics.ts';
import type { Term } from './claims.ts';
import type { ArmRow } from './figures.ts';

export type Metric = keyof RankingMetrics;

/** One reader in one lane: the sum of some terms, and of others. */
export interface Pair {
  world: number;
  seed: number;
  reader: string;
  ours: number;
  other: number;
}

export interface Series {
  /** The N of best-of-N, ascending. */
  counts: number[];
  has(arm: string, method: string): boolean;
  /** Sums over the terms, in the lanes that have all of them, for the readers that all lanes of a world have. No `other`: zeros. */
  pairs(ours: readonly Term[], other: readonly Term[], metric: Metric): Pair[];
}

type OfReaders = Map<string, ArmRow>;

export function openSeries(rows: readonly ArmRow[]): Series {
  const bySeries = new Map<string, Map<string, OfReaders>>();
  for (const row of rows) {
    const lanes = grow(bySeries, `${row.arm} ${row.method}`, () => new Map<string, OfReaders>());
    grow(lanes, `${row.world} ${row.seed}`, () => new Map<string, ArmRow>()).set(row.reader_id, row);
  }
  const counts = [...bySeries.keys()]
    .flatMap((name) => /^best_of best_of_(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const seriesOf = ({ arm, method }: Pick<Term, 'arm' | 'method'>): Map<string, OfReaders> =>
    bySeries.get(`${arm} ${method === 'best_of_most' ? `best_of_${counts.at(-1)}` : method}`) ?? new Map();

  return {
    counts,
    has: (arm, method) => seriesOf({ arm, method }).size > 0,
    pairs(ours, other, metric) {
      const terms = [...ours, ...other].map((term) => seriesOf(term));
      const lanes = [...(terms[0]?.keys() ?? [])].filter((lane) => terms.every((series) => series.has(lane)));
      const sum = (side: readonly Term[], lane: string, reader: string): number =>
        side.reduce(
          (total, term) => total + (term.weight ?? 1) * (seriesOf(term).get(lane)?.get(reader)?.[metric] ?? Number.NaN),
          0,
        );
      const pairs = lanes.flatMap((lane) => {
        const [world, seed] = lane.split(' ').map(Number);
        return [...(terms[0].get(lane)?.keys() ?? [])].map(
          (reader): Pair => ({ world, seed, reader, ours: sum(ours, lane, reader), other: sum(other, lane, reader) }),
        );
      });
      return inEveryLane(pairs.filter((pair) => Number.isFinite(pair.ours - pair.other)));
    },
  };
}

/** Pairs of the readers that every seed of their world has. */
function inEveryLane(pairs: readonly Pair[]): Pair[] {
  return [...Map.groupBy(pairs, ({ world }) => world).values()].flatMap((ofWorld) => {
    const seeds = new Set(ofWorld.map(({ seed }) => seed)).size;
    const times = Map.groupBy(ofWorld, ({ reader }) => reader);
    return ofWorld.filter(({ reader }) => times.get(reader)?.length === seeds);
  });
}

/** Mean of a side: over readers and seeds of a world, then over worlds. */
export function meanOf(pairs: readonly Pair[], side: 'ours' | 'other'): number {
  const worlds = [...Map.groupBy(pairs, ({ world }) => world).values()].map(
    (ofWorld) => ofWorld.reduce((sum, pair) => sum + pair[side], 0) / ofWorld.length,
  );
  return worlds.reduce((sum, mean) => sum + mean, 0) / worlds.length;
}

/** How many seeds at least a world has, and how many readers all worlds have together. */
export function sizeOf(pairs: readonly Pair[]): { seeds: number; readers: number } {
  const worlds = [...Map.groupBy(pairs, ({ world }) => world).values()];
  const distinct = (ofWorld: readonly Pair[], key: 'seed' | 'reader'): number =>
    new Set(ofWorld.map((pair) => pair[key])).size;
  return {
    seeds: worlds.length === 0 ? 0 : Math.min(...worlds.map((ofWorld) => distinct(ofWorld, 'seed'))),
    readers: worlds.reduce((sum, ofWorld) => sum + distinct(ofWorld, 'reader'), 0),
  };
}

/** Each reader's mean over seeds: what is resampled where only readers are. */
export function readerMeans(pairs: readonly Pair[]): number[] {
  return [...Map.groupBy(pairs, ({ world, reader }) => `${world} ${reader}`).values()].map(
    (ofReader) => ofReader.reduce((sum, { ours }) => sum + ours, 0) / ofReader.length,
  );
}
