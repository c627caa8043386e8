/** The clean stage on tables in memory: masks personal data, trains the cleaner, drops noise, says how well that went. */
import type { CanonicalTables } from '../data/canonical.ts';
import type { SignalRow, Split } from '../data/rows.ts';
import { generateWorld } from '../data/world/world.ts';
import { type DroppingQuality, droppingQuality, keptSignals, splitsOfSignals } from '../method/cleaning.ts';
import { maskPersonalData, type PersonalKind, personalKinds } from '../method/masking.ts';
import type { CleanSettings } from '../pipeline/stage-settings.ts';
import type { Tokenizer } from '../tensor/tokenizer.ts';
import { type CleanerPlan, idleCleanerFiles, trainCleaner } from './cleaner.ts';

export interface CleaningPlan {
  settings: CleanSettings;
  /** Of the base models: one that knows the kinds of signals. */
  tokenizer: Tokenizer;
  seed: number;
  threads: number;
  /** Once a batch; throw in it to stop. */
  progress: (fraction: number, message: string) => void;
}

export interface CleaningResult {
  tables: CanonicalTables;
  /** The cleaner's folder (cleaner.ts). */
  files: Record<string, Uint8Array>;
  /** Pieces of personal data in signals, by kind. */
  masked: Record<PersonalKind, number>;
  signals: number;
  dropped: number;
  /** Signals taken for noise that stay, since their reader would have none else. */
  spared: number;
  /** Null where no cleaner was trained. */
  cleaner: CleanerResult | null;
}

export interface CleanerResult {
  /** Where its labels come from: train readers' signals, or a generated world where the source has none. */
  trainedOn: 'source' | 'world';
  examples: number;
  parameters: number;
  /** Nats a signal, at the end of training. */
  loss: number;
  /** On labelled signals of dev and of test readers. */
  dev: DroppingQuality;
  test: DroppingQuality;
  /** On those of test readers' signals whose text no training example had. */
  testUnseen: DroppingQuality;
}

/** Cleans tables; the given ones stay as they are. */
export async function cleanTables(source: CanonicalTables, plan: CleaningPlan): Promise<CleaningResult> {
  const { settings } = plan;
  plan.progress(0, 'masking personal data');
  const { signals, masked } = maskSignals(source.signals.filter(({ kind }) => settings.kinds.includes(kind)));
  const quarantine = source.quarantine.map((row) => ({ ...row, text: maskPersonalData(row.text).text }));
  const tables = { ...source, signals, quarantine };
  const result = { masked, signals: signals.length };
  if (!settings.enabled) {
    return { ...result, tables, files: idleCleanerFiles(settings), dropped: 0, spared: 0, cleaner: null };
  }

  const splits = splitsOfSignals(signals, source.examples);
  const { examples, trainedOn } = trainingExamples(signals, splits);
  const cleaner = await trainCleaner({
    ...plan,
    examples,
    progress: (fraction, loss) => plan.progress(0.05 + 0.5 * fraction, `training the cleaner: loss ${loss.toFixed(3)}`),
  });
  try {
    const noise = await cleaner.probabilities(signals, (fraction) =>
      plan.progress(0.55 + 0.35 * fraction, 'telling noise from signals'),
    );
    const { kept, spared } = keptSignals(signals, source.examples, noise, settings.threshold);
    const trained = new Set(examples.map(({ text }) => text));
    const qualityOf = (split: Split, counts: (signal: SignalRow) => boolean = () => true): DroppingQuality => {
      const measured = [...signals.keys()].filter((i) => splits[i] === split && counts(signals[i]));
      return droppingQuality(
        measured.map((i) => signals[i].label),
        measured.map((i) => noise[i]),
        settings.threshold,
      );
    };
    const left = signals.filter((_, i) => kept[i]);
    return {
      ...result,
      tables: { ...tables, signals: left },
      files: cleaner.files(),
      dropped: signals.length - left.length,
      spared,
      cleaner: {
        trainedOn,
        examples: examples.length,
        parameters: cleaner.parameters,
        loss: cleaner.loss,
        dev: qualityOf('dev'),
        test: qualityOf('test'),
        testUnseen: qualityOf('test', ({ text }) => !trained.has(text)),
      },
    };
  } finally {
    await cleaner.release();
  }
}

function maskSignals(rows: readonly SignalRow[]): { signals: SignalRow[]; masked: CleaningResult['masked'] } {
  const masked = Object.fromEntries(personalKinds.map((kind) => [kind, 0])) as CleaningResult['masked'];
  const signals = rows.map((row) => {
    const { text, found } = maskPersonalData(row.text);
    for (const kind of personalKinds) masked[kind] += found[kind];
    return { ...row, text };
  });
  return { signals, masked };
}

/** The world that labels are taken from where a source has none: of a seed that is neither a run's nor a base model's. */
const labelledWorld = {
  seed: 7301,
  historyArticles: 2000,
  poolArticles: 400,
  trainReaders: 400,
  devReaders: 0,
  testReaders: 0,
};

/** Labelled signals of train readers, if there are such to keep and such to drop; else those of a generated world. */
function trainingExamples(
  signals: readonly SignalRow[],
  splits: readonly (Split | null)[],
): { examples: CleanerPlan['examples']; trainedOn: CleanerResult['trainedOn'] } {
  const own = labelled(signals.filter((_, i) => splits[i] === 'train'));
  if (new Set(own.map(({ label }) => label)).size === 2) return { examples: own, trainedOn: 'source' };
  const world = maskSignals(generateWorld(labelledWorld).signals);
  return { examples: labelled(world.signals), trainedOn: 'world' };
}

function labelled(signals: readonly SignalRow[]): CleanerPlan['examples'] {
  return signals.flatMap(({ kind, text, label }) => (label === null ? [] : [{ kind, text, label }]));
}
