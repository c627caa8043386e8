/** Rows of MIND's two kinds of file; what is malformed goes to the quarantine. */
import { DataError } from '../errors.ts';
import { wrongDate } from './dates.ts';
import { linesOf } from './lines.ts';
import type { MindFile } from './mind-files.ts';
import { quarantined } from './quarantine.ts';
import type { References } from './references.ts';
import type { QuarantineRow } from './rows.ts';

export interface NewsItem {
  id: string;
  category: string;
  title: string;
  abstract: string;
}

/** A row of behaviors.tsv: `reader` saw `shown` at `at` (ms, MIND's clock read as UTC), having clicked `history` before, oldest first. */
export interface Behavior {
  line: number;
  reader: string;
  at: number;
  history: string[];
  shown: string[];
  clicked: string[];
}

/** Published with url, title entities and abstract entities behind these; nothing here reads them. */
const newsFormat = 'id, category, subcategory, title, abstract';
const behaviorsFormat =
  'impression id, user id, time as 11/15/2019 8:00:00 AM, history as "N1 N2", impressions as "N3-1 N4-0"';

/** Adds the articles of a news.tsv to `into`; an article that an earlier file had is the same one. Throws DataError when no row is usable. */
export async function readNews(
  file: MindFile,
  into: Map<string, NewsItem>,
  quarantine: QuarantineRow[],
): Promise<void> {
  const seen = new Set<string>();
  await readRows(file, newsFormat, quarantine, (cells) => {
    const [id, category, , title, abstract] = cells.map((cell) => cell.trim());
    if (id === '' || /\s/.test(id)) return 'article id empty or with spaces';
    if (seen.has(id)) return 'duplicate article id';
    if (title === '') return 'empty title';
    seen.add(id);
    if (!into.has(id)) into.set(id, { id, category, title, abstract });
    return null;
  });
}

/** What a behaviors.tsv is read with. */
export interface BehaviorsRequest {
  news: ReadonlyMap<string, NewsItem>;
  /** Which of a row's history, and of its impressions, are articles of `news`. */
  history: Pick<References, 'known'>;
  shown: Pick<References, 'known'>;
  /** False for readers who are left out. */
  isReader: (id: string) => boolean;
  nowMs: number;
}

/** The rows of a behaviors.tsv, without articles that `news` lacks. Throws DataError when no row is usable. */
export async function readBehaviors(
  file: MindFile,
  { news, history: histories, shown: shownOnes, isReader, nowMs }: BehaviorsRequest,
  quarantine: QuarantineRow[],
): Promise<Behavior[]> {
  const seen = new Set<string>();
  const rows: Behavior[] = [];
  // Ids are kept as the strings that are there already: a piece of a line would keep its whole line in memory.
  const known = (references: Pick<References, 'known'>, ids: readonly string[]): string[] =>
    references.known(ids).map((id) => news.get(id)?.id ?? id);
  const readers = new Map<string, string>();
  await readRows(file, behaviorsFormat, quarantine, (cells, line) => {
    const [id, reader, time, history, impressions] = cells.map((cell) => cell.trim());
    if (id === '' || reader === '') return 'empty impression or user id';
    const at = timeOf(time);
    const wrong = wrongDate(at, nowMs);
    if (wrong !== null) return wrong;
    const key = `${id} ${reader} ${at}`;
    if (seen.has(key)) return 'duplicate impression';
    const items = words(impressions).map((item) => /^(.+)-([01])$/.exec(item));
    if (items.length > 0 && items.every((item) => item === null))
      return 'impressions without -0 or -1, as in a test split';
    if (items.length === 0 || items.includes(null)) return 'malformed impressions';
    const pairs = items as RegExpExecArray[];
    seen.add(key);
    if (!isReader(reader)) return null;
    if (!readers.has(reader)) readers.set(reader, Buffer.from(reader).toString());
    const clicked = new Set(pairs.filter(([, , click]) => click === '1').map(([, article]) => article));
    const shown = known(shownOnes, [...new Set(pairs.map(([, article]) => article))]);
    rows.push({
      line,
      reader: readers.get(reader) ?? reader,
      at,
      history: known(histories, words(history)),
      shown,
      clicked: shown.filter((article) => clicked.has(article)),
    });
    return null;
  });
  return rows;
}

/** A file whose first rows are all bad is given up after so many, before they fill the memory. */
const HOPELESS = 10_000;

/** Hands the cells of each row to `take`, which returns why it cannot use them, or null. */
async function readRows(
  file: MindFile,
  format: string,
  quarantine: QuarantineRow[],
  take: (cells: string[], line: number) => string | null,
): Promise<void> {
  const columns = format.split(', ').length;
  let rows = 0;
  let bad = 0;
  let example = '';
  for await (const { number, text, utf8 } of linesOf(file.path)) {
    rows++;
    const cells = text.split('\t');
    const reason = !utf8
      ? 'not UTF-8'
      : cells.length < columns
        ? `${cells.length} columns, not ${columns}`
        : take(cells, number);
    if (reason === null) continue;
    if (bad++ === 0) example = `line ${number}: ${reason}`;
    quarantine.push(quarantined(file.name, number, reason, text));
    if (bad === rows && bad === HOPELESS) break;
  }
  if (rows === bad) {
    const what =
      rows === 0 ? 'is empty' : `has no usable row among ${rows === HOPELESS ? 'the first ' : ''}${rows} (${example})`;
    throw new DataError(`${file.path} ${what}. It must be tab-separated columns, these first: ${format}`);
  }
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}

const clock = String.raw`(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2}))?`;
const american = new RegExp(
  String.raw`^(?<month>\d{1,2})/(?<day>\d{1,2})/(?<year>\d{4}) ${clock}(?: ?(?<half>AM|PM))?$`,
  'i',
);
const iso = new RegExp(String.raw`^(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})[ T]${clock}(?:\.\d+)?Z?$`);

/** ms of "11/15/2019 8:00:00 AM", also of a clock of 24 hours and of "2019-11-15 08:00:00"; NaN for what is no such time (February 30 among it). */
function timeOf(text: string): number {
  const found = american.exec(text) ?? iso.exec(text);
  if (found === null) return Number.NaN;
  const { half, ...numbers } = found.groups as Record<string, string | undefined>;
  const [month, dayOfMonth, year, hour, minute, second] = ['month', 'day', 'year', 'hour', 'minute', 'second'].map(
    (part) => Number(numbers[part] ?? 0),
  );
  const isHour = half === undefined ? hour <= 23 : hour >= 1 && hour <= 12;
  if (!isHour || minute > 59 || second > 59) return Number.NaN;
  const hours = half === undefined ? hour : (hour % 12) + (half.toUpperCase() === 'PM' ? 12 : 0);
  const at = Date.UTC(year, month - 1, dayOfMonth, hours, minute, second);
  const date = new Date(at);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === dayOfMonth ? at : Number.NaN;
}
