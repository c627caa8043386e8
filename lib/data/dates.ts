/** Dates that a log of news can have. */

/** The web's news is younger: an earlier date is a unit or a column mistaken. */
const earliest = Date.UTC(1990, 0, 1);
/** Clocks and time zones differ by less. */
const slack = 24 * 3_600_000;

/** Why `at` (ms) cannot be, or null. `nowMs`: what is a day later is in the future. */
export function wrongDate(at: number, nowMs: number): string | null {
  if (!Number.isFinite(at)) return 'unknown date';
  if (at < earliest) return 'date before 1990';
  return at > nowMs + slack ? 'date in the future' : null;
}

/** ISO 8601, for messages; of what is no time, the number. */
export function moment(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? String(at) : date.toISOString();
}
