/** A warehouse export: signals, articles and impressions as Parquet, CSV or JSON, in a folder or under an s3:// prefix. */
import { ConfigError, DataError } from '../errors.ts';
import { suggestion } from '../pipeline/nearest.ts';
import type { SourceSettings } from '../pipeline/stage-settings.ts';
import type { Bucket } from '../store/s3.ts';
import type { CanonicalTables } from './canonical.ts';
import { quarantined } from './quarantine.ts';
import { openReferences } from './references.ts';
import type { ArticleRow, ShownRow, PoolRow, QuarantineRow, SignalRow, Split } from './rows.ts';
import { spanOf, splitTables, startOfShare } from './splits.ts';
import { filesOfTable, openFolder, type WarehouseFolder } from './warehouse-files.ts';
import { type Cells, type ColumnType, openDuckDB, recordsOf } from './warehouse-query.ts';
import { articleOf, impressionOf, signalOf } from './warehouse-rows.ts';

/** Last share of the impressions, whose readers are the test split. Of the time before, the last `source.devShare` is dev. */
const TEST_SHARE = 0.2;

const tables = {
  signals: { reader_id: 'text', kind: 'text', text: 'text', at: 'time', article_id: 'text?' },
  articles: { article_id: 'text', title: 'text', abstract: 'text?', category: 'text?', published_at: 'time' },
  impressions: { reader_id: 'text', at: 'time', shown: 'texts', clicked: 'texts' },
} as const satisfies Record<string, Record<string, ColumnType>>;

type Table = keyof typeof tables;

/**
 * The canonical tables of an export, split by time. `nowMs`: a row dated later (by more than a day) is quarantined.
 * Throws ConfigError for a mapping that names no such table or column, DataError for files that cannot be used, StorageRefused.
 */
export async function readWarehouse(
  source: SourceSettings,
  bucket: Bucket,
  nowMs: number = Date.now(),
): Promise<CanonicalTables> {
  if (source.path === '')
    throw new ConfigError('source.path is empty. Name the folder of the export: --set source.path=FOLDER');
  checkMapping(source.mapping);
  const folder = await openFolder(source.path, bucket);
  try {
    return await readFolder(folder, source, nowMs);
  } finally {
    await folder.close();
  }
}

function checkMapping(mapping: SourceSettings['mapping']): void {
  for (const [table, { columns }] of Object.entries(mapping)) {
    if (!Object.hasOwn(tables, table))
      throw new ConfigError(`source.mapping has no table "${table}". ${suggestion(table, Object.keys(tables))}`);
    const known = Object.keys(tables[table as Table]);
    const unknown = Object.keys(columns).find((column) => !known.includes(column));
    if (unknown !== undefined)
      throw new ConfigError(
        `source.mapping.${table}.columns has no column "${unknown}" (write ours: theirs). ${suggestion(unknown, known)}`,
      );
  }
}

async function readFolder(folder: WarehouseFolder, source: SourceSettings, nowMs: number): Promise<CanonicalTables> {
  const quarantine: QuarantineRow[] = [];
  const files = (table: Table): ReturnType<typeof filesOfTable> =>
    filesOfTable(folder, table, source.mapping[table]?.file ?? '');
  const names = { signals: files('signals'), articles: files('articles'), impressions: files('impressions') };
  await folder.fetch(Object.values(names).flatMap((found) => found.names));
  const { connection, close } = await openDuckDB(folder.local);
  /** What `take` makes of each record; where it returns why it cannot, the record is quarantined. */
  const read = async <Row extends object>(
    table: Table,
    take: (values: Cells['values']) => Row | string,
  ): Promise<Row[]> => {
    const rows: Row[] = [];
    const before = quarantine.length;
    const query = { table, ...names[table], columns: tables[table], theirs: source.mapping[table]?.columns ?? {} };
    for await (const { name, row, values } of recordsOf(connection, folder, query, quarantine)) {
      const taken = take(values);
      if (typeof taken === 'string') quarantine.push(quarantined(name, row, taken, JSON.stringify(values)));
      else rows.push(taken);
    }
    if (rows.length > 0) return rows;
    const [first] = quarantine.slice(before);
    const why = first === undefined ? 'it is empty' : `${first.source}:${first.row}: ${first.reason}`;
    throw new DataError(
      `${folder.path}/${query.names[0]}: table ${table} has no usable row (${why}). Its columns are ${Object.keys(tables[table]).join(', ')}`,
    );
  };
  try {
    const articles = new Map<string, ArticleRow>();
    await read('articles', (values) => {
      const article = articleOf(values, nowMs);
      if (typeof article === 'string') return article;
      if (articles.has(article.article_id)) return 'duplicate article id';
      articles.set(article.article_id, article);
      return article;
    });
    const signals = await read('signals', (values) => signalOf(values, articles, nowMs));
    const [name] = names.impressions.names;
    const references = openReferences(articles, {
      place: `${folder.path}/${name}`,
      name,
      articlesFile: names.articles.names[0],
    });
    const impressions = await read('impressions', (values) => impressionOf(values, references, nowMs));
    quarantine.push(...references.leftOut(source.quarantineLimit));
    return { ...split([...articles.values()], signals, impressions, source.devShare), truth: [], quarantine };
  } finally {
    close();
  }
}

/** Windows by time: impressions of one moment are never parted. Articles published in a window are fresh in it, shown or not. */
function split(
  articles: ArticleRow[],
  signals: readonly SignalRow[],
  impressions: ShownRow[],
  devShare: number,
): Omit<CanonicalTables, 'truth' | 'quarantine'> {
  const times = impressions.map(({ at }) => at).sort((a, b) => a - b);
  const testFrom = times[Math.floor(times.length * (1 - TEST_SHARE))];
  const { first, last } = spanOf(times.filter((at) => at < testFrom));
  const devFrom = startOfShare(first, last, devShare);
  const windowOf = (at: number): Split => (at >= testFrom ? 'test' : at >= devFrom ? 'dev' : 'train');
  const published = articles
    .filter(({ published_at }) => published_at >= times[0])
    .map(({ article_id, published_at }): PoolRow => ({ split: windowOf(published_at), article_id }));
  const placed = impressions.map((row) => ({ row, split: windowOf(row.at) }));
  return {
    ...splitTables(placed, signals, published),
    articles,
    impressions: impressions.map(({ reader_id, at, clicked }) => ({ reader_id, at, clicked })),
  };
}
