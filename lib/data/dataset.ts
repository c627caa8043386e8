/** A dataset artifact: the canonical tables stored, and opened as readers of a split, its pool and the articles before. */
import type { StageInput } from '../pipeline/stages.ts';
import { encodeTable, rowsInTurns } from '../store/arrow.ts';
import type { Artifacts } from '../store/artifacts.ts';
import type { MadeBy, Ref } from '../store/ref.ts';
import type { CanonicalTables } from './canonical.ts';
import type {
  ArticleRow,
  ExampleRow,
  ImpressionRow,
  PoolRow,
  Reader,
  Signal,
  SignalRow,
  Split,
  TruthRow,
} from './rows.ts';
import { schemas } from './tables.ts';

/** Where the rows came from. */
export interface DatasetProfile {
  source: StageInput['settings']['source']['kind'];
  /** Examples without a click in their split's pool: nothing to be judged by. */
  withoutClicks: number;
  /** As CanonicalTables has them. */
  notes: string[];
}

export interface Dataset {
  /** Readers of a split with at least one click in its pool, by id; signals before the cutoff, oldest first. */
  readers(split: Split): Reader[];
  /** Every reader of a split, by id, those without such a click too. */
  everyReader(split: Split): Reader[];
  /** Fresh articles of a split, by id. */
  pool(split: Split): ArticleRow[];
  articles: ReadonlyMap<string, ArticleRow>;
  /** Articles in no pool: published before the first split. */
  history: ArticleRow[];
  /** Latent interests by reader (world only; else empty), heaviest first. */
  truth: ReadonlyMap<string, TruthRow[]>;
  tables: CanonicalTables;
}

const names = [
  'signals',
  'articles',
  'impressions',
  'examples',
  'pool',
  'truth',
  'quarantine',
] as const satisfies readonly (keyof CanonicalTables)[];

/** Stores the tables, one Arrow file each. */
export function writeDataset(
  artifacts: Artifacts,
  tables: CanonicalTables,
  profile: Omit<DatasetProfile, 'notes'>,
  madeBy: MadeBy,
): Promise<Ref<'dataset'>> {
  const files: Record<string, Uint8Array> = {
    'profile.json': Buffer.from(JSON.stringify({ ...profile, notes: tables.notes } satisfies DatasetProfile)),
  };
  for (const name of names) files[`${name}.arrow`] = encodeTable(schemas[name], tables[name]);
  return artifacts.put('dataset', files, madeBy);
}

/** Reads a dataset back. Throws ArtifactCorrupt, DataError. */
export async function openDataset(artifacts: Artifacts, ref: Ref<'dataset'>): Promise<Dataset> {
  const table = async <Row extends object>(name: (typeof names)[number]): Promise<Row[]> =>
    rowsInTurns<Row>(schemas[name], await artifacts.read(ref, `${name}.arrow`));
  return datasetOf({
    signals: await table<SignalRow>('signals'),
    articles: await table('articles'),
    impressions: await table<ImpressionRow>('impressions'),
    examples: await table<ExampleRow>('examples'),
    pool: await table<PoolRow>('pool'),
    truth: await table<TruthRow>('truth'),
    quarantine: await table('quarantine'),
    notes: (JSON.parse(Buffer.from(await artifacts.read(ref, 'profile.json')).toString()) as DatasetProfile).notes,
  });
}

/**
 * The view of canonical tables that stages use. An example's clicks are those of its reader's impressions from the cutoff to the
 * reader's next cutoff, if any, as far as they lie in the split's pool.
 */
export function datasetOf(tables: CanonicalTables): Dataset {
  const articles = new Map(tables.articles.map((article) => [article.article_id, article]));
  const pools = new Map<Split, Set<string>>();
  for (const { split, article_id } of tables.pool) grow(pools, split, () => new Set<string>()).add(article_id);
  const inPools = new Set(tables.pool.map(({ article_id }) => article_id));
  const signals = Map.groupBy(tables.signals, ({ reader_id }) => reader_id);
  const impressions = Map.groupBy(tables.impressions, ({ reader_id }) => reader_id);
  const cutoffs = Map.groupBy(tables.examples, ({ reader_id }) => reader_id);
  const opened = new Map<Split, Reader[]>();

  const readerOf = (example: ExampleRow): Reader => {
    const { reader_id, split, cutoff, cold } = example;
    const until = Math.min(
      Number.POSITIVE_INFINITY,
      ...(cutoffs.get(reader_id) ?? []).map((other) => other.cutoff).filter((other) => other > cutoff),
    );
    const clicked = (impressions.get(reader_id) ?? [])
      .filter(({ at }) => at >= cutoff && at < until)
      .flatMap((impression) => impression.clicked);
    return {
      readerId: reader_id,
      split,
      cutoff,
      cold,
      signals: (signals.get(reader_id) ?? [])
        .filter(({ at }) => at < cutoff)
        .map(({ kind, text, at, article_id }): Signal => ({ kind, text, at, articleId: article_id }))
        .sort((a, b) => a.at - b.at),
      clicked: [...new Set(clicked)].filter((id) => pools.get(split)?.has(id)),
    };
  };

  const everyReader = (split: Split): Reader[] =>
    grow(opened, split, () =>
      tables.examples
        .filter((example) => example.split === split)
        .map(readerOf)
        .sort((a, b) => (a.readerId < b.readerId ? -1 : 1)),
    );

  return {
    everyReader,
    readers: (split) => everyReader(split).filter((reader) => reader.clicked.length > 0),
    pool: (split) => [...(pools.get(split) ?? [])].sort().flatMap((id) => articles.get(id) ?? []),
    articles,
    history: tables.articles.filter(({ article_id }) => !inPools.has(article_id)),
    truth: Map.groupBy(tables.truth, ({ reader_id }) => reader_id),
    tables,
  };
}

/** The value of a key, made where there is none yet. */
export function grow<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
