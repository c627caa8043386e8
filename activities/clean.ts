/** clean: personal data is masked in every signal; a classifier trained on labelled signals drops what says nothing of a reader's needs. */
import { join } from 'node:path';
import { type DatasetProfile, openDataset, writeDataset } from '../lib/data/dataset.ts';
import type { Interval } from '../lib/method/bootstrap.ts';
import type { DroppingQuality } from '../lib/method/cleaning.ts';
import { TOKENIZER_OF } from '../lib/pipeline/outside.ts';
import type { CleanSettings } from '../lib/pipeline/stage-settings.ts';
import type { Json, StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import type { Ref } from '../lib/store/ref.ts';
import { openTokenizer } from '../lib/tensor/tokenizer.ts';
import { type CleaningResult, cleanTables } from '../lib/training/clean-tables.ts';
import type { Deps } from './deps.ts';
import { madeBy } from './made-by.ts';

export interface CleanActivities {
  clean(input: StageInput): Promise<StageOutput>;
}

export function createCleanActivities(deps: Deps): CleanActivities {
  const { artifacts } = deps;
  return {
    async clean(input) {
      const ref = input.inputs.dataset as Ref<'dataset'>;
      const dataset = await openDataset(artifacts, ref);
      const profile = JSON.parse(Buffer.from(await artifacts.read(ref, 'profile.json')).toString()) as DatasetProfile;
      const result = await cleanTables(dataset.tables, {
        settings: input.settings.clean,
        tokenizer: openTokenizer(join(deps.modelsFolder, TOKENIZER_OF)),
        seed: input.seed,
        threads: deps.threads,
        progress: deps.progress,
      });
      deps.progress(0.95, 'storing the cleaned tables');
      return {
        outputs: {
          cleaned: await writeDataset(artifacts, result.tables, profile, madeBy(input)),
          cleaner: await artifacts.put('cleaner', result.files, madeBy(input)),
        },
        facts: factsOf(result, input.settings.clean),
        headline: headlineOf(result),
      };
    },
  };
}

/** Precision and recall of dropping noise on test readers' signals stand first: summary.json and the report read these names. */
function factsOf(
  { signals, dropped, spared, masked, cleaner }: CleaningResult,
  settings: CleanSettings,
): StageOutput['facts'] {
  return {
    ...(cleaner
      ? {
          ...qualityFacts(cleaner.test),
          unseen_texts: qualityFacts(cleaner.testUnseen),
          dev: qualityFacts(cleaner.dev),
          threshold: settings.threshold,
          trained_on: cleaner.trainedOn,
          examples: cleaner.examples,
          parameters: cleaner.parameters,
          loss: cleaner.loss,
        }
      : { precision: null, recall: null }),
    signals,
    dropped,
    dropped_share: dropped / Math.max(1, signals),
    spared,
    masked: total(masked),
    masked_kinds: { ...masked },
  };
}

function qualityFacts(quality: DroppingQuality): Record<string, Json> {
  return {
    ...intervalFacts('precision', quality.precision),
    ...intervalFacts('recall', quality.recall),
    keep_precision: quality.keepPrecision?.mean ?? null,
    keep_recall: quality.keepRecall?.mean ?? null,
    auc: quality.auc,
    labelled: quality.signals,
    noise: quality.noise,
  };
}

function intervalFacts(name: string, interval: Interval | null): Record<string, Json> {
  return {
    [name]: interval?.mean ?? null,
    [`${name}_low`]: interval?.low ?? null,
    [`${name}_high`]: interval?.high ?? null,
  };
}

function headlineOf({ signals, dropped, masked, cleaner }: CleaningResult): string {
  const privacy = `${total(masked).toLocaleString('en')} pieces of personal data masked`;
  if (!cleaner) return `${privacy}, no signal dropped: clean.enabled is false`;
  const share = `${((100 * dropped) / Math.max(1, signals)).toFixed(1)} % of ${signals.toLocaleString('en')} signals dropped as noise`;
  const { precision, recall } = cleaner.test;
  const quality =
    precision && recall
      ? `precision ${precision.mean.toFixed(3)}, recall ${recall.mean.toFixed(3)} on test readers`
      : `precision and recall unknown: the source has no labels, the cleaner learnt from a generated world`;
  return `${share} (${quality}); ${privacy}`;
}

function total(masked: CleaningResult['masked']): number {
  return Object.values(masked).reduce((sum, count) => sum + count, 0);
}
