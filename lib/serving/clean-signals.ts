/** A live reader's signals as the student was trained to read them: personal data masked, noise dropped by the cleaner of the same run. */
import type { Signal } from '../data/rows.ts';
import { keptSignals } from '../method/cleaning.ts';
import { maskPersonalData } from '../method/masking.ts';
import type { Cleaner } from '../training/cleaner.ts';

/** Of several readers at once, each list in its order. A reader keeps at least one signal. */
export async function cleanSignals(
  readers: readonly (readonly Signal[])[],
  cleaner: Pick<Cleaner, 'kinds' | 'threshold' | 'probabilities'>,
): Promise<Signal[][]> {
  const masked = readers.map((signals) =>
    signals
      .filter(({ kind }) => cleaner.kinds.includes(kind))
      .map((signal) => ({ ...signal, text: maskPersonalData(signal.text).text })),
  );
  const noise = await cleaner.probabilities(masked.flat());
  let next = 0;
  return masked.map((signals) => {
    const own = noise.subarray(next, (next += signals.length));
    const rows = signals.map(({ at }) => ({ reader_id: '', at }));
    const { kept } = keptSignals(rows, [], own, cleaner.threshold);
    return signals.filter((_, i) => kept[i]);
  });
}
