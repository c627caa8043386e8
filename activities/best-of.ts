/** Best of N: what choosing among more lists of one policy brings. */
import type { PerReaderRow } from '../lib/data/rows.ts';
import { bestOf } from '../lib/method/grpo.ts';
import type { RankingMetrics } from '../lib/method/metrics.ts';
import type { Label } from '../lib/random.ts';
import type { LanguageModel } from '../lib/tensor/language-model.ts';
import type { Measurer } from './measurer.ts';

export interface Choosing {
  /** The N, ascending. */
  counts: readonly number[];
  /** Random stream of the lists. */
  stream: Label;
  progress: (fraction: number, what: 'lists' | 'rewards') => void;
}

/** Every reader's figures for every N; the method of a row is N in digits. */
export async function bestOfRows(
  measurer: Measurer,
  model: LanguageModel,
  { counts, stream, progress }: Choosing,
): Promise<PerReaderRow[]> {
  const lists = await measurer.write(model, {
    samples: counts[counts.length - 1],
    stream,
    progress: (fraction) => progress(0.9 * fraction, 'lists'),
  });
  const rewards = await measurer.rewards(lists, (fraction) => progress(0.9 + 0.1 * fraction, 'rewards'));
  const rows: PerReaderRow[] = [];
  for (const count of counts) {
    // The first `count` of the same lists: what is compared is the choice, not the luck of the draw.
    const chosen = rewards.map((ofReader) =>
      bestOf(
        ofReader.map(({ total }) => total),
        count,
      ),
    );
    const metrics = measurer.judge(await measurer.recall(lists.map((ofReader, i) => ofReader[chosen[i]].queries)));
    measurer.readers.forEach((reader, i) =>
      rows.push(measuredRow(reader.readerId, String(count), metrics[i], rewards[i][chosen[i]].total)),
    );
  }
  return rows;
}

/** N without repetition, ascending. */
export function ascending(counts: readonly number[]): number[] {
  return [...new Set(counts)].sort((a, b) => a - b);
}

export function measuredRow(
  reader_id: string,
  method: string,
  metrics: RankingMetrics,
  reward: number | null,
): PerReaderRow {
  return { reader_id, method, ...metrics, reward };
}
