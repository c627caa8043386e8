/** The world's time: eight weeks of history, then a week each to train, to choose settings and to test. No clock is read. */
import type { Random } from '../../random.ts';
import type { Split } from '../rows.ts';

export const hour = 3_600_000;
export const day = 24 * hour;
const week = 7 * day;

/** The end of the test window: the world's "now". */
export const now = Date.UTC(2026, 0, 1);

export type Period = 'history' | Split;

/** Every period as [start, end) in ms, in order of time. A split's window starts at its readers' cutoff. */
export const periods: Readonly<Record<Period, { start: number; end: number }>> = {
  history: { start: now - 11 * week, end: now - 3 * week },
  train: { start: now - 3 * week, end: now - 2 * week },
  dev: { start: now - 2 * week, end: now - week },
  test: { start: now - week, end: now },
};

/** When an article of a period appears: any day, mostly in working hours. A window's last day and a half bring none, so that readers can see all. */
export function publicationTime(period: Period, random: Random): number {
  const { start, end } = periods[period];
  const days = (end - start) / day - (period === 'history' ? 0 : 2);
  return start + random.integer(days) * day + timeOfDay(newsroomHours, random);
}

/** When a reader of a split visits: from the second day of its window on. */
export function visitTime(split: Split, random: Random): number {
  const { start, end } = periods[split];
  return start + day + random.integer((end - start) / day - 1) * day + timeOfDay(readingHours, random);
}

/** Moves a moment to an hour at which people read, on the same day. */
export function atReadingHour(at: number, random: Random): number {
  return Math.floor(at / day) * day + timeOfDay(readingHours, random);
}

/** Relative activity of the 24 hours. */
const newsroomHours = [2, 1, 1, 1, 2, 4, 8, 10, 10, 10, 10, 9, 9, 9, 9, 9, 9, 9, 8, 7, 6, 5, 4, 3];
const readingHours = [2, 1, 1, 1, 1, 3, 7, 10, 9, 7, 6, 7, 10, 8, 6, 6, 6, 7, 8, 10, 11, 10, 7, 4];

/** ms since midnight, to the second. */
function timeOfDay(activity: readonly number[], random: Random): number {
  return random.weighted(activity) * hour + random.integer(3600) * 1000;
}
