/** Blocking data checks: tables that would teach or measure something false are refused before anything is trained on them. */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { DataError } from '../errors.ts';
import type { SourceSettings } from '../pipeline/stage-settings.ts';
import type { Artifacts } from '../store/artifacts.ts';
import type { CanonicalTables } from './canonical.ts';
import { type Dataset, datasetOf } from './dataset.ts';
import { moment, wrongDate } from './dates.ts';
import { commonestReasons } from './quarantine.ts';
import { splits } from './rows.ts';

/** The tables joined, if they pass. Throws one DataError that names every check they fail. `nowMs`: dates more than a day later are in the future. */
export function checkTables(tables: CanonicalTables, source: SourceSettings, nowMs: number): Dataset {
  const dataset = datasetOf(tables);
  const problems = [
    ...quarantineShare(tables, source),
    ...emptyFields(tables),
    ...unspacedScripts(tables),
    ...duplicates(tables),
    ...unknownReferences(tables),
    ...wrongDates(tables, nowMs),
    ...leaks(tables, dataset),
    ...emptySplits(tables, dataset),
  ];
  if (problems.length === 0) return dataset;
  throw new DataError(
    `${nameOf(source)} is refused by ${problems.length === 1 ? 'a data check' : `${problems.length} data checks`}: ${problems.join('. ')}. Correct the source and run again`,
  );
}

/** Counts of a source, kept for the next run. */
interface Volume {
  readers: number;
  articles: number;
  signals: number;
}

/**
 * Compares the source's volume with its last run's, then keeps it for the next. A generated world is as large as it is asked to be.
 * Throws DataError where readers, articles or signals shrank by more than `source.volumeDrop`.
 */
export async function checkVolume(
  artifacts: Pick<Artifacts, 'getDocument' | 'putDocument'>,
  source: SourceSettings,
  tables: CanonicalTables,
): Promise<void> {
  if (source.kind === 'world') return;
  const key = volumeDocument(source);
  const last = (await artifacts.getDocument(key)) as Volume | null;
  const now: Volume = {
    readers: new Set(tables.examples.map(({ reader_id }) => reader_id)).size,
    articles: tables.articles.length,
    signals: tables.signals.length,
  };
  const shrunk = (Object.keys(now) as (keyof Volume)[])
    .filter((what) => last !== null && now[what] < last[what] * (1 - source.volumeDrop))
    .map((what) => `${what} fell from ${last?.[what]} to ${now[what]}`);
  if (shrunk.length > 0)
    throw new DataError(
      `${nameOf(source)} shrank by more than ${percent(source.volumeDrop)} since its last run: ${shrunk.join(', ')}. Is the export whole? If it is meant, run once with --set source.volumeDrop=1`,
    );
  await artifacts.putDocument(key, now);
}

/** One for each place that rows are read from, and each share of its readers. */
function volumeDocument({ kind, path, readerShare }: SourceSettings): string {
  const place = path.startsWith('s3://') ? path : resolve(path);
  return `volumes/${createHash('sha256').update(`${kind} ${place} ${readerShare}`).digest('hex')}.json`;
}

function nameOf({ kind, path }: SourceSettings): string {
  return kind === 'world' ? 'the generated world' : `the ${kind} source ${path}`;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

/** A sentence for the rows that are wrong, with the first as an example; none for none. */
function found<Row>(
  rows: readonly Row[],
  wrong: (row: Row) => boolean,
  what: string,
  name: (row: Row) => string,
): string[] {
  const bad = rows.filter(wrong);
  return bad.length === 0 ? [] : [`${bad.length} of ${rows.length} ${what} (the first: ${name(bad[0])})`];
}

/** Signals count only where they are rows of their own: MIND's are made of its impressions. */
function quarantineShare(
  { articles, impressions, signals, quarantine }: CanonicalTables,
  source: SourceSettings,
): string[] {
  const usable = articles.length + impressions.length + (source.kind === 'warehouse' ? signals.length : 0);
  const share = quarantine.length / Math.max(1, usable + quarantine.length);
  if (share <= source.quarantineLimit) return [];
  return [
    `${quarantine.length} rows (${percent(share)}) cannot be used, source.quarantineLimit allows ${percent(source.quarantineLimit)}: ${commonestReasons(quarantine, 3)}`,
  ];
}

function emptyFields({ articles, signals, impressions, examples }: CanonicalTables): string[] {
  const empty = (text: unknown): boolean => typeof text !== 'string' || text.trim() === '';
  return [
    ...found(
      articles,
      (row) => empty(row.article_id),
      'articles have no id',
      ({ title }) => JSON.stringify(title),
    ),
    ...found(
      articles,
      (row) => empty(row.title),
      'articles have no title',
      ({ article_id }) => article_id,
    ),
    ...found(
      signals,
      (row) => empty(row.reader_id),
      'signals have no reader',
      ({ text }) => JSON.stringify(text),
    ),
    ...found(
      signals,
      (row) => empty(row.text),
      'signals have no text',
      ({ reader_id }) => `reader ${reader_id}`,
    ),
    ...found(
      impressions,
      (row) => empty(row.reader_id),
      'impressions have no reader',
      ({ at }) => moment(at),
    ),
    ...found(
      examples,
      (row) => empty(row.reader_id),
      'examples have no reader',
      ({ split }) => split,
    ),
  ];
}

/** Words are told apart by spaces, in key phrases, judge and encoder: of a title without any they would be one word. */
function unspacedScripts({ articles }: CanonicalTables): string[] {
  const unspaced =
    /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
  const written = articles.filter(({ title }) => unspaced.test(title));
  if (written.length <= articles.length / 2) return [];
  return [
    `most titles are in a script that puts no spaces between words (the first: ${written[0].title}), which is not supported: put spaces between the words of titles, abstracts and signals`,
  ];
}

function duplicates({ articles, pool, examples }: CanonicalTables): string[] {
  return [
    ...repeated(
      articles.map(({ article_id }) => article_id),
      'articles have an id that another has',
    ),
    ...repeated(
      pool.map(({ split, article_id }) => `${article_id} in ${split}`),
      'pool rows are twice in a pool',
    ),
    ...repeated(
      examples.map(({ split, reader_id }) => `${reader_id} in ${split}`),
      'examples are twice in a split',
    ),
  ];
}

function repeated(names: readonly string[], what: string): string[] {
  const seen = new Set<string>();
  const isRepeated = (name: string): boolean => seen.size === seen.add(name).size;
  return found(names, isRepeated, what, (name) => name);
}

function unknownReferences({ articles, signals, impressions, examples, pool }: CanonicalTables): string[] {
  const ids = new Set(articles.map(({ article_id }) => article_id));
  const readers = new Set(examples.map(({ reader_id }) => reader_id));
  const unknown = (id: string): boolean => !ids.has(id);
  return [
    ...found(
      signals,
      ({ article_id }) => article_id !== null && unknown(article_id),
      'signals name an article that is not there',
      ({ article_id }) => String(article_id),
    ),
    ...found(
      signals,
      ({ reader_id }) => !readers.has(reader_id),
      'signals are of a reader without an example',
      ({ reader_id }) => reader_id,
    ),
    ...found(
      impressions,
      ({ clicked }) => clicked.some(unknown),
      'impressions have a click on an article that is not there',
      ({ clicked }) => String(clicked.find(unknown)),
    ),
    ...found(
      pool,
      (row) => unknown(row.article_id),
      'pool rows name an article that is not there',
      (row) => row.article_id,
    ),
  ];
}

function wrongDates({ articles, signals, impressions, examples }: CanonicalTables, nowMs: number): string[] {
  const wrong = (at: number): boolean => wrongDate(at, nowMs) !== null;
  const when = 'before 1990 or in the future';
  return [
    ...found(
      articles,
      (row) => wrong(row.published_at),
      `articles were published ${when}`,
      (row) => `${row.article_id}, ${moment(row.published_at)}`,
    ),
    ...found(
      signals,
      ({ at }) => wrong(at),
      `signals are ${when}`,
      (row) => `reader ${row.reader_id}, ${moment(row.at)}`,
    ),
    ...found(
      impressions,
      ({ at }) => wrong(at),
      `impressions are ${when}`,
      (row) => `reader ${row.reader_id}, ${moment(row.at)}`,
    ),
    ...found(
      examples,
      ({ cutoff }) => wrong(cutoff),
      `cutoffs are ${when}`,
      (row) => `reader ${row.reader_id}, ${moment(row.cutoff)}`,
    ),
  ];
}

/** What would let training or a query see what it is measured by. */
function leaks({ signals, examples, pool }: CanonicalTables, dataset: Dataset): string[] {
  const trained = new Set(pool.filter(({ split }) => split === 'train').map(({ article_id }) => article_id));
  const withNewClicks = new Set<string>(
    splits.filter((split) => dataset.readers(split).some(({ clicked }) => clicked.some((id) => !trained.has(id)))),
  );
  const lastCutoff = new Map<string, number>();
  for (const { reader_id, cutoff } of examples)
    lastCutoff.set(reader_id, Math.max(cutoff, lastCutoff.get(reader_id) ?? cutoff));
  return [
    ...repeated(
      examples.map(({ reader_id, cutoff }) => `${reader_id} at ${moment(cutoff)}`),
      'examples have the reader and the cutoff of another split: its clicks would be in both',
    ),
    ...found(
      // Where nothing new was clicked, there is nothing else to recall.
      pool.filter(({ split }) => withNewClicks.has(split)),
      ({ split, article_id }) => split !== 'train' && trained.has(article_id),
      'pool rows of dev or test are in the pool of train too',
      ({ split, article_id }) => `${article_id} in ${split}`,
    ),
    ...found(
      signals,
      ({ reader_id, at }) => at >= (lastCutoff.get(reader_id) ?? Number.POSITIVE_INFINITY),
      "signals are not before their reader's last cutoff",
      ({ reader_id, at }) => `reader ${reader_id}, ${moment(at)}`,
    ),
  ];
}

function emptySplits(tables: CanonicalTables, dataset: Dataset): string[] {
  return splits.flatMap((split) => {
    if (!tables.examples.some((row) => row.split === split)) return [`the ${split} split has no reader`];
    if (!tables.pool.some((row) => row.split === split)) return [`the ${split} split has no article in its pool`];
    if (dataset.readers(split).length === 0) return [`no reader of the ${split} split clicked an article of its pool`];
    if (split === 'train' && dataset.readers(split).every(({ signals }) => signals.length === 0))
      return ['no reader of the train split has a signal before its clicks'];
    return [];
  });
}
