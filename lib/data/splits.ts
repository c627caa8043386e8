/** Splits by time, as every source of real logs makes them: who is asked at which moment, over which articles, knowing what. */
import type { ExampleRow, ImpressionRow, PoolRow, SignalRow, Split } from './rows.ts';

/** An impression and the split whose window it lies in. */
export interface SplitImpression {
  row: ImpressionRow;
  split: Split;
}

/** A reader with fewer signals before the cutoff is cold. */
const COLD_BELOW = 3;

/**
 * One example for each reader and split: the cutoff is its first impression there. A split's pool is what its impressions show and,
 * of what none shows, what is `published` in its window; what is in train's pool is in no later one, for training has seen it. Dev and test may share: dev only chooses settings.
 * Of the signals, those are kept that an example may know: before the last cutoff of their reader.
 */
export function splitTables(
  impressions: readonly SplitImpression[],
  signals: readonly SignalRow[],
  published: readonly PoolRow[],
): { examples: ExampleRow[]; pool: PoolRow[]; signals: SignalRow[] } {
  const cutoffs = firstImpressions(impressions);
  const last = new Map([...cutoffs].map(([reader, bySplit]) => [reader, Math.max(...bySplit.values())]));
  const known = signals.filter(({ reader_id, at }) => at < (last.get(reader_id) ?? Number.NEGATIVE_INFINITY));
  const times = new Map<string, number[]>();
  for (const { reader_id, at } of known) {
    const earlier = times.get(reader_id);
    if (earlier === undefined) times.set(reader_id, [at]);
    else earlier.push(at);
  }
  const examples = [...cutoffs].flatMap(([reader_id, bySplit]) =>
    [...bySplit].map(([split, cutoff]): ExampleRow => {
      const before = (times.get(reader_id) ?? []).filter((at) => at < cutoff).length;
      return { reader_id, split, cutoff, cold: before < COLD_BELOW };
    }),
  );
  return { examples, pool: poolOf(impressions, published), signals: known };
}

/** Where the last `share` of the time from `first` to `last` begins (ms). */
export function startOfShare(first: number, last: number, share: number): number {
  return Math.ceil(last - (last - first) * share);
}

/** First and last of times, in ms; of none, Infinity and -Infinity. A spread call would overflow the stack on large tables. */
export function spanOf(times: Iterable<number>): { first: number; last: number } {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const at of times) {
    first = Math.min(first, at);
    last = Math.max(last, at);
  }
  return { first, last };
}

const splits = ['train', 'dev', 'test'] as const satisfies readonly Split[];

/** Cutoffs by reader and split. A cutoff that is not before the reader's cutoff of a later split is left out: the later one stands for both. */
function firstImpressions(impressions: readonly SplitImpression[]): Map<string, Map<Split, number>> {
  const cutoffs = new Map<string, Map<Split, number>>();
  for (const { row, split } of impressions) {
    const bySplit = cutoffs.get(row.reader_id) ?? new Map<Split, number>();
    bySplit.set(split, Math.min(row.at, bySplit.get(split) ?? Number.POSITIVE_INFINITY));
    cutoffs.set(row.reader_id, bySplit);
  }
  for (const bySplit of cutoffs.values()) {
    let next = Number.POSITIVE_INFINITY;
    for (const split of splits.toReversed()) {
      const cutoff = bySplit.get(split);
      if (cutoff === undefined) continue;
      if (cutoff < next) next = cutoff;
      else bySplit.delete(split);
    }
  }
  return cutoffs;
}

function poolOf(impressions: readonly SplitImpression[], published: readonly PoolRow[]): PoolRow[] {
  const fresh = { train: new Set<string>(), dev: new Set<string>(), test: new Set<string>() };
  for (const { row, split } of impressions) for (const id of row.shown) fresh[split].add(id);
  const shown = new Set(splits.flatMap((split) => [...fresh[split]]));
  for (const { split, article_id } of published) if (!shown.has(article_id)) fresh[split].add(article_id);
  return splits.flatMap((split) =>
    [...fresh[split]]
      .filter((id) => split === 'train' || !fresh.train.has(id))
      .sort()
      .map((article_id): PoolRow => ({ split, article_id })),
  );
}
