/** extract: a source becomes canonical tables, checked, split by time. */
import type { CanonicalTables } from '../lib/data/canonical.ts';
import { checkTables, checkVolume } from '../lib/data/checks.ts';
import { writeDataset } from '../lib/data/dataset.ts';
import { readMind } from '../lib/data/mind.ts';
import { readWarehouse } from '../lib/data/warehouse.ts';
import { splits } from '../lib/data/rows.ts';
import { generateWorld } from '../lib/data/world/world.ts';
import { now as worldNow } from '../lib/data/world/calendar.ts';
import type { SourceSettings } from '../lib/pipeline/stage-settings.ts';
import type { StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import type { Deps } from './deps.ts';
import { madeBy } from './made-by.ts';

export interface ExtractActivities {
  extract(input: StageInput): Promise<StageOutput>;
}

export function createExtractActivities({ artifacts, progress }: Deps): ExtractActivities {
  return {
    async extract(input) {
      const { source } = input.settings;
      progress(0.1, source.kind === 'world' ? `generating world ${source.worldSeed}` : `reading ${source.path}`);
      const tables = await read(source, artifacts.bucket);
      progress(0.6, 'checking the tables');
      const dataset = checkTables(tables, source, source.kind === 'world' ? worldNow : Date.now());
      await checkVolume(artifacts, source, tables);
      const readers = {
        train: dataset.readers('train').length,
        dev: dataset.readers('dev').length,
        test: dataset.readers('test').length,
      };
      const withoutClicks = tables.examples.length - readers.train - readers.dev - readers.test;
      progress(0.8, 'storing the tables');
      const ref = await writeDataset(artifacts, tables, { source: source.kind, withoutClicks }, madeBy(input));
      return {
        outputs: { dataset: ref },
        facts: {
          source: source.kind,
          readers,
          articles: tables.articles.length,
          signals: tables.signals.length,
          quarantined: tables.quarantine.length,
          without_clicks: withoutClicks,
          pool: Object.fromEntries(
            splits.map((split) => [split, tables.pool.filter((row) => row.split === split).length]),
          ),
          notes: tables.notes,
          cold_share: tables.examples.filter(({ cold }) => cold).length / Math.max(1, tables.examples.length),
        },
        headline: `${(readers.train + readers.dev + readers.test).toLocaleString('en')} readers, ${tables.articles.length.toLocaleString('en')} articles, ${tables.signals.length.toLocaleString('en')} signals${tables.quarantine.length > 0 ? `, ${tables.quarantine.length} rows quarantined` : ''}`,
      };
    },
  };
}

async function read(source: SourceSettings, bucket: Parameters<typeof readWarehouse>[1]): Promise<CanonicalTables> {
  switch (source.kind) {
    case 'world':
      return generateWorld({
        seed: source.worldSeed,
        historyArticles: source.historyArticles,
        poolArticles: source.poolArticles,
        trainReaders: source.trainReaders,
        devReaders: source.devReaders,
        testReaders: source.testReaders,
      });
    case 'mind':
      return readMind(source);
    case 'warehouse':
      return readWarehouse(source, bucket);
  }
}
