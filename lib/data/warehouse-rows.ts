/** Canonical rows from records of a warehouse; each function returns the row, or why the record cannot be one. */
import { wrongDate } from './dates.ts';
import type { References } from './references.ts';
import { signalKinds, type ArticleRow, type ShownRow, type SignalKind, type SignalRow } from './rows.ts';
import type { Cells } from './warehouse-query.ts';

type Values = Cells['values'];

/** `nowMs`: what is dated more than a day later is refused. */
export function articleOf(values: Values, nowMs: number): ArticleRow | string {
  if (isEmpty(values)) return noRecord;
  const [article_id, title] = [text(values, 'article_id'), text(values, 'title')];
  if (article_id === '') return 'no article_id';
  if (title === '') return 'empty title';
  const published_at = time(values, 'published_at');
  return (
    wrongDate(published_at, nowMs) ?? {
      article_id,
      title,
      abstract: text(values, 'abstract'),
      category: text(values, 'category'),
      published_at,
    }
  );
}

/** A click without a text has its article's title. An article that is not in the table is forgotten, the signal is not. */
export function signalOf(values: Values, articles: ReadonlyMap<string, ArticleRow>, nowMs: number): SignalRow | string {
  if (isEmpty(values)) return noRecord;
  const [reader_id, kind] = [text(values, 'reader_id'), text(values, 'kind')];
  if (reader_id === '') return 'no reader_id';
  if (!isKind(kind)) return `unknown kind (${signalKinds.join(', ')})`;
  const article = kind === 'click' ? articles.get(text(values, 'article_id')) : undefined;
  const words = text(values, 'text') || (article?.title ?? '');
  if (words === '') return 'empty text';
  const at = time(values, 'at');
  return (
    wrongDate(at, nowMs) ?? { reader_id, kind, text: words, at, label: null, article_id: article?.article_id ?? null }
  );
}

/** Articles that the table lacks are left out and counted by `references`. */
export function impressionOf(values: Values, references: References, nowMs: number): ShownRow | string {
  if (isEmpty(values)) return noRecord;
  const reader_id = text(values, 'reader_id');
  if (reader_id === '') return 'no reader_id';
  const at = time(values, 'at');
  const wrong = wrongDate(at, nowMs);
  if (wrong !== null) return wrong;
  const [shown, clicked] = [list(values, 'shown'), list(values, 'clicked')];
  if (shown === null || clicked === null) return 'malformed list (a JSON array, or ids with spaces between)';
  if (shown.length === 0) return 'nothing shown';
  if (clicked.some((id) => !shown.includes(id))) return 'a click on what was not shown';
  const known = references.known(shown);
  if (known.length === 0) return 'no known article shown';
  return { reader_id, at, shown: known, clicked: [...new Set(clicked)].filter((id) => known.includes(id)) };
}

/** What a line that is not JSON, or a line of commas, reads as. */
const noRecord = 'empty record, or no JSON object';

function isEmpty(values: Values): boolean {
  return Object.values(values).every((value) => value === null);
}

function isKind(kind: string): kind is SignalKind {
  return (signalKinds as readonly string[]).includes(kind);
}

function text(values: Values, column: string): string {
  return String(values[column] ?? '').trim();
}

function time(values: Values, column: string): number {
  const at = values[column];
  return typeof at === 'number' ? Math.round(at) : Number.NaN;
}

/** Ids of a JSON array or of words; none for nothing, null for what is neither. */
function list(values: Values, column: string): string[] | null {
  const written = text(values, column);
  if (!written.startsWith('[')) return written.split(/[\s,;|]+/).filter((id) => id !== '');
  try {
    const items = JSON.parse(written) as unknown[];
    return items.every((item) => typeof item === 'string' || typeof item === 'number') ? items.map(String) : null;
  } catch {
    return null;
  }
}
