/**
 * A folder of MIND (Wu et al. 2020, https://msnews.github.io): articles in news.tsv, impressions in behaviors.tsv of train and dev.
 * Its dev is our test: ours to choose settings on is the last part of the train period.
 */
import { ConfigError, DataError } from '../errors.ts';
import type { SourceSettings } from '../pipeline/stage-settings.ts';
import type { CanonicalTables } from './canonical.ts';
import { moment } from './dates.ts';
import { findMindFiles, type MindFile } from './mind-files.ts';
import { type Behavior, type NewsItem, readBehaviors, readNews } from './mind-rows.ts';
import { openReferences } from './references.ts';
import type { ArticleRow, QuarantineRow, SignalRow } from './rows.ts';
import { spanOf, type SplitImpression, splitTables, startOfShare } from './splits.ts';

const hour = 3_600_000;

/**
 * The canonical tables of a MIND folder. `nowMs`: a row dated later (by more than a day) is quarantined.
 * Articles that nobody was shown or has read are left out: when they appeared is unknown, it may be after the train period.
 * Throws ConfigError for a path that is none, DataError for a missing file or one without a usable row.
 */
export async function readMind(source: SourceSettings, nowMs: number = Date.now()): Promise<CanonicalTables> {
  const { path } = source;
  if (path === '') throw new ConfigError('source.path is empty. Name the MIND folder: --set source.path=FOLDER');
  if (path.startsWith('s3://'))
    throw new ConfigError(
      `source.path ${path} is on S3, and a MIND source is read from a local folder. Download it, or use source.kind=warehouse`,
    );
  const files = findMindFiles(path);
  const quarantine: QuarantineRow[] = [];
  const news = new Map<string, NewsItem>();
  for (const file of files.news) await readNews(file, news, quarantine);
  const train = await readBehaviors(files.train, nowMs, quarantine);
  const test = await readBehaviors(files.dev, nowMs, quarantine);
  inOrder(files, train, test);

  quarantine.push(...dropUnknown(files.train, train, news, source.quarantineLimit));
  quarantine.push(...dropUnknown(files.dev, test, news, source.quarantineLimit));

  const { first, last } = spanOf(train.map(({ at }) => at));
  const devFrom = startOfShare(first, last, source.devShare);
  const impressions = [
    ...train.map((row): SplitImpression => ({ row: impressionOf(row), split: row.at < devFrom ? 'train' : 'dev' })),
    ...test.map((row): SplitImpression => ({ row: impressionOf(row), split: 'test' })),
  ].filter(({ row }) => row.shown.length > 0);
  const clicks = signalsOf([...train, ...test], news);
  return {
    ...splitTables(impressions, clicks, []),
    articles: articlesOf(news, impressions, clicks),
    impressions: impressions.map(({ row }) => row),
    truth: [],
    quarantine,
  };
}

/** Throws DataError where the test would be of the past. */
function inOrder(
  files: { train: MindFile; dev: MindFile },
  train: readonly Behavior[],
  test: readonly Behavior[],
): void {
  const trained = train.reduce((a, b) => (b.at > a.at ? b : a));
  const tested = test.reduce((a, b) => (b.at < a.at ? b : a));
  if (tested.at >= trained.at) return;
  throw new DataError(
    `${files.dev.path}:${tested.line} is of ${moment(tested.at)}, before the end of the train period (${moment(trained.at)}, ${files.train.path}:${trained.line}): a model would be tested on its past. Are the folders swapped, or is one of these dates wrong?`,
  );
}

/** Leaves out of `rows` the articles that news.tsv lacks. Returns their count as a quarantine row; throws DataError where they are more than `limit`. */
function dropUnknown(
  { path, name }: MindFile,
  rows: readonly Behavior[],
  news: ReadonlyMap<string, NewsItem>,
  limit: number,
): QuarantineRow[] {
  const references = openReferences(news, { place: path, name, articlesFile: 'news.tsv' });
  for (const row of rows) {
    row.history = references.known(row.history);
    row.shown = references.known(row.shown);
    row.clicked = row.clicked.filter((id) => news.has(id));
  }
  return references.leftOut(limit);
}

function impressionOf({ reader, at, shown, clicked }: Behavior): SplitImpression['row'] {
  return { reader_id: reader, at, shown, clicked };
}

/**
 * What each reader clicked, each article once. MIND tells only the order of a history: the first one's clicks get an hour each up to
 * the impression, what a later one adds lies evenly between the two impressions, so that no cutoff comes to know it too early.
 */
function signalsOf(behaviors: readonly Behavior[], news: ReadonlyMap<string, NewsItem>): SignalRow[] {
  const byReader = Map.groupBy(behaviors, ({ reader }) => reader);
  return [...byReader].flatMap(([reader_id, rows]) => {
    const times = new Map<string, number>();
    const click = (id: string, at: number): void => {
      if (!times.has(id)) times.set(id, at);
    };
    let before: number | null = null;
    for (const { at, history, clicked } of rows.toSorted((a, b) => a.at - b.at)) {
      const fresh = history.filter((id) => !times.has(id));
      for (const [k, id] of fresh.entries())
        click(
          id,
          before === null
            ? at - (fresh.length - k) * hour
            : before + Math.floor(((at - before) * (k + 1)) / (fresh.length + 1)),
        );
      for (const id of clicked) click(id, at);
      before = at;
    }
    return [...times].map(
      ([id, at]): SignalRow => ({
        reader_id,
        kind: 'click',
        text: news.get(id)?.title ?? '',
        at,
        label: null,
        article_id: id,
      }),
    );
  });
}

/** Articles that were shown or read. MIND has no dates: published when first shown or read. */
function articlesOf(
  news: ReadonlyMap<string, NewsItem>,
  impressions: readonly SplitImpression[],
  clicks: readonly SignalRow[],
): ArticleRow[] {
  const since = new Map<string, number>();
  const seen = (id: string, at: number): Map<string, number> => since.set(id, Math.min(at, since.get(id) ?? at));
  for (const { row } of impressions) for (const id of row.shown) seen(id, row.at);
  for (const { article_id, at } of clicks) if (article_id !== null) seen(article_id, at);
  return [...news.values()].flatMap(({ id, ...texts }) => {
    const published_at = since.get(id);
    return published_at === undefined ? [] : [{ article_id: id, ...texts, published_at }];
  });
}
