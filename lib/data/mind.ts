/**
 * A folder of MIND (Wu et al. 2020, https://msnews.github.io): articles in news.tsv, impressions in behaviors.tsv of train and dev.
 * Its dev is our test: ours to choose settings on is the last part of the train period.
 */
import { ConfigError, DataError } from '../errors.ts';
import type { SourceSettings } from '../pipeline/stage-settings.ts';
import { keyOf, uniformAt } from '../random.ts';
import type { CanonicalTables } from './canonical.ts';
import { moment } from './dates.ts';
import { findMindFiles, type MindFile } from './mind-files.ts';
import { type Behavior, type NewsItem, readBehaviors, readNews } from './mind-rows.ts';
import { quarantined } from './quarantine.ts';
import { openReferences } from './references.ts';
import type { ArticleRow, QuarantineRow, SignalRow, Split } from './rows.ts';
import { cutRows, type SplitImpression, splitTables } from './splits.ts';

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
  const notes: string[] = [];
  const news = new Map<string, NewsItem>();
  for (const file of files.news) await readNews(file, news, quarantine);
  const read = (file: MindFile): Promise<Behavior[]> => readSplit(file, news, source, nowMs, quarantine);

  let train = await read(files.train);
  let test: Behavior[];
  if (files.dev) {
    test = await read(files.dev);
    train = beforeTest(files.train, files.dev, train, test, source, quarantine);
  } else {
    const cut = cutRows(train, source.devShare);
    [train, test] = [cut.before, cut.after];
    notes.push(`there is no dev folder: the last ${ofRows(cut.byTime, source)} of ${files.train.name} are the test`);
  }
  const { before, after, byTime } = cutRows(train, source.devShare);
  if (!byTime) notes.push(`one part of the train period has no click: dev is its last ${ofRows(false, source)}`);

  const parts: [Split, Behavior[]][] = [
    ['train', before],
    ['dev', after],
    ['test', test],
  ];
  const impressions = parts.flatMap(([split, rows]) =>
    rows.filter(({ shown }) => shown.length > 0).map((row): SplitImpression => ({ row: impressionOf(row), split })),
  );
  const clicks = signalsOf([...train, ...test], news);
  const { notes: more, ...tables } = splitTables(impressions, clicks, []);
  return {
    ...tables,
    articles: articlesOf(news, impressions, tables.signals),
    impressions: impressions.map(({ row: { reader_id, at, clicked } }) => ({ reader_id, at, clicked })),
    truth: [],
    quarantine,
    notes: [...notes, ...more],
  };
}

function ofRows(byTime: boolean, { devShare }: SourceSettings): string {
  return `${Math.round(devShare * 100)} % of the ${byTime ? 'time' : 'rows'}`;
}

/**
 * Rows of one file. Articles that news.tsv lacks are left out and counted as a quarantine row; DataError where more than
 * `source.quarantineLimit` of what was shown is unknown. Of histories nothing is asked: a news.tsv may hold only what was shown.
 */
async function readSplit(
  file: MindFile,
  news: ReadonlyMap<string, NewsItem>,
  { quarantineLimit, readerShare }: SourceSettings,
  nowMs: number,
  quarantine: QuarantineRow[],
): Promise<Behavior[]> {
  const references = (what: string) =>
    openReferences(news, { place: file.path, name: file.name, articlesFile: 'news.tsv', what });
  const [history, shown] = [references('of histories'), references('of what was shown')];
  const isReader = (id: string): boolean =>
    readerShare === 1 || uniformAt(keyOf('reader of a share', id), 0) < readerShare;
  const rows = await readBehaviors(file, { news, history, shown, isReader, nowMs }, quarantine);
  if (rows.length === 0)
    throw new DataError(`${file.path}: source.readerShare ${readerShare} leaves no reader. Raise it`);
  quarantine.push(...history.leftOut(1), ...shown.leftOut(quarantineLimit));
  return rows;
}

/** The train rows that are not after the first of the test: a model must not be tested on its past. A few others are left out, many are refused. */
function beforeTest(
  trainFile: MindFile,
  devFile: MindFile,
  train: readonly Behavior[],
  test: readonly Behavior[],
  { quarantineLimit }: SourceSettings,
  quarantine: QuarantineRow[],
): Behavior[] {
  const first = test.reduce((a, b) => (b.at < a.at ? b : a));
  const late = train.filter(({ at }) => at > first.at);
  if (late.length === 0) return [...train];
  const last = late.reduce((a, b) => (b.at > a.at ? b : a));
  if (late.length > quarantineLimit * train.length || late.length === train.length)
    throw new DataError(
      `${devFile.path}:${first.line} is of ${moment(first.at)}, before the end of the train period (${moment(last.at)}, ${trainFile.path}:${last.line}): a model would be tested on its past. Are the folders swapped, or is one of these dates wrong? source.quarantineLimit allows ${quarantineLimit * 100} % of train's rows to be left out, it would be ${late.length} of ${train.length}`,
    );
  for (const row of late)
    quarantine.push(quarantined(trainFile.name, row.line, 'in the test period, left out of training', moment(row.at)));
  return train.filter(({ at }) => at <= first.at);
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
