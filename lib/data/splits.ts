/** Splits by time, as every source of real logs makes them: who is asked at which moment, over which articles, knowing what. */
import { splits, type ExampleRow, type PoolRow, type ShownRow, type SignalRow, type Split } from './rows.ts';

/** An impression and the split whose window it lies in. */
export interface SplitImpression {
  row: ShownRow;
  split: Split;
}

/** A reader with fewer signals before the cutoff is cold. */
const COLD_BELOW = 3;

/**
 * One example for each reader and split: the cutoff is its first impression there. A split's pool is what its impressions show and,
 * of what none shows, what is `published` in its window; what is in train's pool is in no later one, for training has seen it, unless
 * nothing else was clicked there: then a note says so. Dev and test may share: dev only chooses settings.
 * Of the signals, those are kept that an example may know: before the last cutoff of their reader.
 */
export function splitTables(
  impressions: readonly SplitImpression[],
  signals: readonly SignalRow[],
  published: readonly PoolRow[],
): { examples: ExampleRow[]; pool: PoolRow[]; signals: SignalRow[]; notes: string[] } {
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
  return { examples, ...poolsOf(impressions, published), signals: known };
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

function poolsOf(
  impressions: readonly SplitImpression[],
  published: readonly PoolRow[],
): { pool: PoolRow[]; notes: string[] } {
  const shown = { train: new Set<string>(), dev: new Set<string>(), test: new Set<string>() };
  for (const { row, split } of impressions) for (const id of row.shown) shown[split].add(id);
  const anywhere = new Set(splits.flatMap((split) => [...shown[split]]));
  for (const { split, article_id } of published) if (!anywhere.has(article_id)) shown[split].add(article_id);
  const seen = (['dev', 'test'] as const).filter(
    (split) =>
      !impressions.some(({ row, split: of }) => of === split && row.clicked.some((id) => !shown.train.has(id))),
  );
  const pool = splits.flatMap((split) =>
    [...shown[split]]
      .filter((id) => split === 'train' || (seen as readonly Split[]).includes(split) || !shown.train.has(id))
      .sort()
      .map((article_id): PoolRow => ({ split, article_id })),
  );
  return {
    pool,
    notes: seen.map(
      (split) => `no ${split} reader clicked an article that is new: its pool holds what training has seen too`,
    ),
  };
}

/** The rows before and after a cut by time: where `share` of the time is left or, where that leaves no click on a side, `share` of the rows. */
export function cutRows<Row extends { at: number; clicked: readonly string[] }>(
  rows: readonly Row[],
  share: number,
): { before: Row[]; after: Row[]; byTime: boolean } {
  const { first, last } = spanOf(rows.map(({ at }) => at));
  const from = startOfShare(first, last, share);
  const byTime = { before: rows.filter(({ at }) => at < from), after: rows.filter(({ at }) => at >= from) };
  const hasClick = (side: readonly Row[]): boolean => side.some(({ clicked }) => clicked.length > 0);
  if (hasClick(byTime.before) && hasClick(byTime.after)) return { ...byTime, byTime: true };
  // Sorting keeps the order of rows of one moment.
  const inOrder = rows.toSorted((a, b) => a.at - b.at);
  const most = Math.max(1, Math.round(inOrder.length * (1 - share)));
  return { before: inOrder.slice(0, most), after: inOrder.slice(most), byTime: false };
}
