/** A recall server that serves what is promoted, when it is promoted. */
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError } from '../errors.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { readPointer, servingPointer } from '../store/pointers.ts';
import { type OpenedModel, openServed, type ServedModel, type Serving } from './served.ts';

const LONGEST_WAIT_MS = 5 * 60_000;
/** That a look in progress gets when the server ends. */
const CLOSING_MS = 5_000;

export interface FollowOptions {
  threads: number;
  /** Between looks at the pointer. */
  everyMs: number;
  /** Told of a promotion, and of what keeps one from being served. */
  say: (text: string) => void;
}

export interface Following {
  /** What is served now. */
  serving(): Serving;
  /** Looks at the pointer now. What is promoted but cannot be opened is reported once; the model before it goes on serving. */
  look(): Promise<void>;
  close(): Promise<void>;
}

/** Opens what `serving/current` points at, and follows it. Throws ConfigError while nothing has been promoted. */
export async function followServing(
  artifacts: Artifacts,
  { threads, everyMs, say }: FollowOptions,
): Promise<Following> {
  const first = await readPointer<ServedModel>(artifacts.bucket, servingPointer);
  if (first === null) {
    throw new ConfigError(
      `nothing is served yet: ${servingPointer} is set when an A/B test promotes a student. Run a pipeline first (newshound run nightly)`,
    );
  }
  let version = first.version;
  let checkedAt = Date.now();
  let current: OpenedModel = await openServed(artifacts, first.value, { threads });
  /** A version that could not be opened: it is tried again, after longer and longer. Opening is work, and beside it readers are answered. */
  let failed = { version: 0, message: '', times: 0, nextAt: 0 };

  const look = async (): Promise<void> => {
    let asked = 0;
    try {
      const pointer = await readPointer<ServedModel>(artifacts.bucket, servingPointer);
      checkedAt = Date.now();
      if (pointer === null || pointer.version === version) return;
      if (pointer.version === failed.version && Date.now() < failed.nextAt) return;
      asked = pointer.version;
      const next = await openServed(artifacts, pointer.value, { threads });
      const before = current;
      [current, version] = [next, pointer.version];
      failed = { version: 0, message: '', times: 0, nextAt: 0 };
      say(`serving student ${next.student.slice(0, 12)}`);
      await before.release();
    } catch (error) {
      const { message } = error as Error;
      if (message !== failed.message) say(`still serving student ${current.student.slice(0, 12)}: ${message}`);
      const times = asked === failed.version ? failed.times + 1 : 1;
      failed = { version: asked, message, times, nextAt: Date.now() + Math.min(LONGEST_WAIT_MS, everyMs * 2 ** times) };
    }
  };
  let looking: Promise<void> | null = null;
  const timer = setInterval(() => {
    // One at a time: where the store is slow, looks would queue up behind each other.
    looking ??= look().finally(() => (looking = null));
  }, everyMs);
  return {
    serving: () => ({ ...current, checkedAt }),
    look,
    close: async () => {
      clearInterval(timer);
      await Promise.race([looking, delay(CLOSING_MS, undefined, { ref: false })]);
      await current.release();
    },
  };
}
