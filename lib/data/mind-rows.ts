/** Rows of MIND's two kinds of file; what is malformed goes to the quarantine. */
import { DataError } from '../errors.ts';
import { wrongDate } from './dates.ts';
import { linesOf } from './lines.ts';
import type { MindFile } from './mind-files.ts';
import { quarantined } from './quarantine.ts';
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

const newsFormat = 'id, category, subcategory, title, abstract, url, title entities, abstract entities';
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

/** The rows of a behaviors.tsv. Throws DataError when no row is usable. */
export async function readBehaviors(file: MindFile, nowMs: number, quarantine: QuarantineRow[]): Promise<Behavior[]> {
  const seen = new Set<string>();
  const rows: Behavior[] = [];
  await readRows(file, behaviorsFormat, quarantine, (cells, line) => {
    const [id, reader, time, history, impressions] = cells.map((cell) => cell.trim());
    if (id === '' || reader === '') return 'empty impression or user id';
    if (seen.has(id)) return 'duplicate impression id';
    const at = timeOf(time);
    const wrong = wrongDate(at, nowMs);
    if (wrong !== null) return wrong;
    const items = words(impressions).map((item) => /^(.+)-([01])$/.exec(item));
    if (items.length === 0 || items.includes(null)) return 'malformed impressions';
    const pairs = items as RegExpExecArray[];
    seen.add(id);
    rows.push({
      line,
      reader,
      at,
      history: words(history),
      shown: [...new Set(pairs.map(([, article]) => article))],
      clicked: [...new Set(pairs.filter(([, , clicked]) => clicked === '1').map(([, article]) => article))],
    });
    return null;
  });
  return rows;
}

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
      : cells.length !== columns
        ? `${cells.length} columns, not ${columns}`
        : take(cells, number);
    if (reason === null) continue;
    if (bad++ === 0) example = `line ${number}: ${reason}`;
    quarantine.push(quarantined(file.name, number, reason, text));
  }
  if (rows === bad) {
    const what = rows === 0 ? 'is empty' : `has no usable row among ${rows} (${example})`;
    throw new DataError(`${file.path} ${what}. It must be ${columns} tab-separated columns: ${format}`);
  }
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}

/** ms of "11/15/2019 8:00:00 AM", NaN for what is no such time (February 30 among it). */
function timeOf(text: string): number {
  const parts = /^(\d{1,2})\/(\d{1,2})\/(\d{4}) (\d{1,2}):(\d{2}):(\d{2}) (AM|PM)$/i.exec(text);
  if (parts === null) return Number.NaN;
  const [month, dayOfMonth, year, clock, minute, second] = parts.slice(1, 7).map(Number);
  if (clock < 1 || clock > 12 || minute > 59 || second > 59) return Number.NaN;
  const at = Date.UTC(
    year,
    month - 1,
    dayOfMonth,
    (clock % 12) + (parts[7].toUpperCase() === 'PM' ? 12 : 0),
    minute,
    second,
  );
  const date = new Date(at);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === dayOfMonth ? at : Number.NaN;
}
