/** Rows that a source could not use: kept beside the tables with where they stood and why. */
import type { QuarantineRow } from './rows.ts';

/** Enough to recognise a row by; logs of strangers are not copied whole. */
const KEPT_CHARACTERS = 200;

/** `source`: file relative to the source's folder. `row`: its line, from 1; 0: the file as a whole. `text` is cut to 200 characters. */
export function quarantined(source: string, row: number, reason: string, text: string): QuarantineRow {
  // Written anew (and well-formed): a slice of a line keeps the whole line in memory.
  return { source, row, reason, text: Buffer.from(text.slice(0, KEPT_CHARACTERS)).toString() };
}

/** The reasons from the commonest down, each with its count and where it is seen first. */
export function commonestReasons(rows: readonly QuarantineRow[], atMost: number): string {
  const seen = new Map<string, { count: number; first: QuarantineRow }>();
  for (const row of rows) {
    const reason = seen.get(row.reason);
    if (reason === undefined) seen.set(row.reason, { count: 1, first: row });
    else reason.count++;
  }
  return [...seen]
    .sort(([, a], [, b]) => b.count - a.count)
    .slice(0, atMost)
    .map(([reason, { count, first }]) => `${reason} (${count} ×, first at ${first.source}:${first.row})`)
    .join('; ');
}
