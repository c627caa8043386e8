/** Which signals a cleaner drops, and how well it drops them. "Positive" is noise throughout: precision and recall are those of dropping. */
import type { ExampleRow, SignalRow, Split } from '../data/rows.ts';
import type { Interval } from './bootstrap.ts';
import { normalQuantileOf, ranksOf } from './statistics.ts';

/**
 * Signals to keep: those whose probability of noise is at most `threshold`; and, where that leaves an example without any signal
 * before its cutoff (or a reader without any at all), the one least likely to be noise. `spared` counts these.
 */
export function keptSignals(
  signals: readonly Pick<SignalRow, 'reader_id' | 'at'>[],
  examples: readonly ExampleRow[],
  noise: ArrayLike<number>,
  threshold: number,
): { kept: boolean[]; spared: number } {
  const kept = signals.map((_, i) => noise[i] <= threshold);
  const cutoffs = cutoffsByReader(examples);
  const ofReader = Map.groupBy(signals.keys(), (i) => signals[i].reader_id);
  let spared = 0;
  for (const [reader, indices] of ofReader) {
    // Earliest first: what is spared for one example is there for the later ones too.
    for (const cutoff of [...(cutoffs.get(reader) ?? []).map((own) => own.cutoff), Number.POSITIVE_INFINITY]) {
      const seen = indices.filter((i) => signals[i].at < cutoff);
      if (seen.length === 0 || seen.some((i) => kept[i])) continue;
      kept[seen.reduce((best, i) => (noise[i] < noise[best] ? i : best))] = true;
      spared++;
    }
  }
  return { kept, spared };
}

/** The split that a signal belongs to: the first, in time, of its reader's examples that sees it; null where none does. So no signal is in two. */
export function splitsOfSignals(
  signals: readonly Pick<SignalRow, 'reader_id' | 'at'>[],
  examples: readonly ExampleRow[],
): (Split | null)[] {
  const cutoffs = cutoffsByReader(examples);
  return signals.map(({ reader_id, at }) => cutoffs.get(reader_id)?.find(({ cutoff }) => at < cutoff)?.split ?? null);
}

/** How well noise is told from the rest. A figure whose denominator is 0 is null. Intervals: Wilson, 95 %, signals taken as independent. */
export interface DroppingQuality {
  signals: number;
  noise: number;
  /** Of the signals dropped, the share that is noise. */
  precision: Interval | null;
  /** Of the noise, the share that is dropped. */
  recall: Interval | null;
  /** The same two of keeping what is worth it. */
  keepPrecision: Interval | null;
  keepRecall: Interval | null;
  /** Chance that noise gets a higher probability than a signal worth keeping: no threshold in it. */
  auc: number | null;
}

/** Holds probabilities of noise against labels; signals without a label do not count. */
export function droppingQuality(
  labels: readonly SignalRow['label'][],
  noise: ArrayLike<number>,
  threshold: number,
): DroppingQuality {
  const labelled = [...labels.keys()].filter((i) => labels[i] !== null);
  const count = (label: SignalRow['label'], dropped: boolean): number =>
    labelled.filter((i) => labels[i] === label && noise[i] > threshold === dropped).length;
  const [caught, lost] = [count('drop', true), count('keep', true)];
  const [missed, spared] = [count('drop', false), count('keep', false)];
  return {
    signals: labelled.length,
    noise: caught + missed,
    precision: wilson(caught, caught + lost),
    recall: wilson(caught, caught + missed),
    keepPrecision: wilson(spared, spared + missed),
    keepRecall: wilson(spared, spared + lost),
    auc: areaUnderCurve(
      labelled.map((i) => labels[i] === 'drop'),
      labelled.map((i) => noise[i]),
    ),
  };
}

/** A proportion with its Wilson score interval; null of nothing tried. Wilson 1927. */
export function wilson(successes: number, trials: number, confidence = 0.95): Interval | null {
  if (trials === 0) return null;
  const z = normalQuantileOf(confidence);
  const rate = successes / trials;
  const scale = 1 + (z * z) / trials;
  const center = (rate + (z * z) / (2 * trials)) / scale;
  const half = (z / scale) * Math.sqrt((rate * (1 - rate)) / trials + (z * z) / (4 * trials * trials));
  return { mean: rate, low: Math.max(0, center - half), high: Math.min(1, center + half) };
}

/** Mann and Whitney's U over all pairs, ties counted half. Null where one of the two classes is empty. */
function areaUnderCurve(positive: readonly boolean[], scores: readonly number[]): number | null {
  const positives = positive.filter(Boolean).length;
  const pairs = positives * (positive.length - positives);
  if (pairs === 0) return null;
  const { ranks } = ranksOf(scores);
  const sum = ranks.reduce((total, rank, i) => total + (positive[i] ? rank : 0), 0);
  return (sum - (positives * (positives + 1)) / 2) / pairs;
}

/** Each reader's examples, earliest first. */
function cutoffsByReader(examples: readonly ExampleRow[]): Map<string, ExampleRow[]> {
  return Map.groupBy(
    examples.toSorted((a, b) => a.cutoff - b.cutoff),
    ({ reader_id }) => reader_id,
  );
}
