/**
 * Simulated readers visit the portal for a day. What they click of what they are shown is their own truth (audience.ts); which articles
 * they are shown comes from their arm's recall server. Both arms are treated by the same rules. How long an answer took decides nothing
 * here: the same answers, the same day.
 */
import { type Arm, assignArm } from '../method/verdict.ts';
import { Random } from '../random.ts';
import type { TimedAnswer } from './client.ts';
import type { RecallPath } from './service.ts';

/** What a reader carries from day to day. */
export interface Habit {
  /** Shift of the probability of coming back, from how visits went. */
  shift: number;
  clicked: string[];
}

/** One reader, one day, in the experiment. */
export interface Exposure {
  reader_id: string;
  day: number;
  arm: Arm;
  cold: boolean;
  active: boolean;
  shown: number;
  clicks: number;
  /** Milliseconds of the recall request; 0 where the reader did not come. */
  latency_ms: number;
  failed: boolean;
  shift: number;
  clicked: string[];
}

export interface SimulatedReader {
  readerId: string;
  cold: boolean;
}

/** What serves an arm. */
export interface ArmRecall {
  /** The paths whose articles the page shows in turn. */
  paths: readonly RecallPath[];
  /** Recalled article ids by path, best first, and how long it took. */
  recall: (readerId: string) => Promise<TimedAnswer>;
}

export interface Day {
  day: number;
  /** Share of readers treated; as many others, never treated before, are its control. */
  share: number;
  salt: string;
  seed: number;
  readers: readonly SimulatedReader[];
  habits: ReadonlyMap<string, Habit>;
  /** What the portal knows to be popular by now, the most popular first: it stands before what it can only guess. */
  popular: readonly string[];
  arms: Readonly<Record<Arm, ArmRecall>>;
  /** Probability that the reader clicks each article if it looks at it. */
  clickProbabilities: (readerId: string, articleIds: readonly string[]) => ArrayLike<number>;
  concurrency: number;
  progress?: (fraction: number) => void;
}

/** Articles on the page a visitor sees; attention falls with the place as in a ranked list. */
const SLATE = 10;
const attention = (place: number): number => 1 / Math.log2(place + 2);

/** Coming back: readers differ (base), good visits help, empty ones hurt. */
const habit = { least: 0.25, spread: 0.5, gain: 0.08, loss: 0.04, limit: 0.25 } as const;

/**
 * The arm at this ramp share, or null for readers who wait outside. Control are the readers that would be treated last: nobody changes
 * from control to treatment before the share passes one half.
 */
export function experimentArm(readerId: string, salt: string, share: number): Arm | null {
  if (assignArm(readerId, salt, share) === 'treatment') return 'treatment';
  return assignArm(readerId, salt, 1 - share) === 'control' ? 'control' : null;
}

/** Exposures of every reader in the experiment, in the order of `readers`. A failed request shows nothing and is recorded as failed. */
export async function simulateDay(plan: Day): Promise<Exposure[]> {
  const inside = plan.readers.flatMap((reader) => {
    const arm = experimentArm(reader.readerId, plan.salt, plan.share);
    return arm ? [{ reader, arm }] : [];
  });
  const exposures: Exposure[] = [];
  for (let start = 0; start < inside.length; start += plan.concurrency) {
    const some = inside.slice(start, start + plan.concurrency);
    exposures.push(...(await Promise.all(some.map(({ reader, arm }) => visit(plan, reader, arm)))));
    plan.progress?.(Math.min(1, (start + some.length) / inside.length));
  }
  return exposures;
}

async function visit(plan: Day, reader: SimulatedReader, arm: Arm): Promise<Exposure> {
  const { readerId, cold } = reader;
  const random = new Random('ab', plan.seed, plan.salt, readerId, plan.day);
  const base = habit.least + habit.spread * new Random('habit', plan.seed, readerId).uniform();
  const before = plan.habits.get(readerId) ?? { shift: 0, clicked: [] };
  const exposure: Exposure = {
    reader_id: readerId,
    day: plan.day,
    arm,
    cold,
    active: false,
    shown: 0,
    clicks: 0,
    latency_ms: 0,
    failed: false,
    shift: before.shift,
    clicked: before.clicked,
  };
  if (random.uniform() >= base + before.shift) return exposure;

  const { paths, recall } = plan.arms[arm];
  const askedAt = performance.now();
  const answer = await recall(readerId).catch(() => null);
  if (!answer) {
    const latency_ms = performance.now() - askedAt;
    return { ...exposure, active: true, failed: true, latency_ms, shift: moved(before.shift, -habit.loss) };
  }
  const slate = interleave(
    paths.map((path) => [...(path === 'popular' ? plan.popular : []), ...(answer.recalled[path] ?? [])]),
    new Set(before.clicked),
    SLATE,
  );
  const probabilities = plan.clickProbabilities(readerId, slate);
  const clicks = slate.filter((_, place) => random.uniform() < attention(place) * probabilities[place]);
  return {
    ...exposure,
    active: true,
    shown: slate.length,
    clicks: clicks.length,
    latency_ms: answer.latencyMs,
    shift: moved(before.shift, clicks.length > 0 ? habit.gain : -habit.loss),
    clicked: [...before.clicked, ...clicks],
  };
}

/** What readers carry into the next day, from the exposures of the days before, in order. */
export function habitsAfter(exposures: readonly Exposure[]): Map<string, Habit> {
  return new Map(exposures.map(({ reader_id, shift, clicked }) => [reader_id, { shift, clicked }]));
}

/** Articles that readers of both arms have clicked in the experiment so far, most clicked first. */
export function mostClicked(exposures: readonly Exposure[]): string[] {
  const clicks = new Map<string, number>();
  for (const { clicked } of habitsAfter(exposures).values())
    for (const id of clicked) clicks.set(id, (clicks.get(id) ?? 0) + 1);
  return [...clicks].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([id]) => id);
}

/** The portal's page: one article from each path in turn, none twice, none that the reader has clicked. */
export function interleave(lists: readonly (readonly string[])[], seen: ReadonlySet<string>, size: number): string[] {
  const slate: string[] = [];
  const used = new Set(seen);
  const next = lists.map(() => 0);
  for (let exhausted = false; !exhausted && slate.length < size; ) {
    exhausted = true;
    for (const [path, list] of lists.entries()) {
      while (next[path] < list.length && used.has(list[next[path]])) next[path]++;
      if (next[path] >= list.length || slate.length >= size) continue;
      exhausted = false;
      used.add(list[next[path]]);
      slate.push(list[next[path]]);
    }
  }
  return slate;
}

function moved(shift: number, by: number): number {
  return Math.min(habit.limit, Math.max(-habit.limit, shift + by));
}
