/** Heartbeats: an activity's process is alive, how far the activity is, and what it does. */
import { Context, type Info } from '@temporalio/activity';

/** Names an activity over all its attempts. */
export function callOf({ workflowExecution, activityId }: Info): string {
  return `${workflowExecution?.runId} ${activityId}`;
}

/** What a heartbeat carries; `cli/heartbeats.ts` shows it. */
export interface Heartbeat {
  fraction: number;
  message: string;
}

/** Well under the time-out of workflows/proxies.ts. */
const intervalMs = 2_000;

const latest = new WeakMap<Context, Heartbeat>();

export const heartbeats = {
  /** Worker options: heartbeats go out as often as they are made. */
  throttle: { maxHeartbeatThrottleInterval: intervalMs, defaultHeartbeatThrottleInterval: intervalMs },

  /** Tells how far the current activity is. */
  report(fraction: number, message: string): void {
    const context = Context.current();
    context.heartbeat(heartbeats.remember(context, { fraction, message }));
  },

  /** Keeps what the heartbeats of an activity say until it reports something else. */
  remember(context: Context, beat: Heartbeat): Heartbeat {
    latest.set(context, beat);
    return beat;
  },

  /** Runs `body` with a heartbeat every other second, whether it reports or not. `alive` false holds them back. */
  async during<T>(body: () => Promise<T>, alive: () => boolean = () => true): Promise<T> {
    const context = Context.current();
    const beat = (): void => {
      if (alive()) context.heartbeat(latest.get(context) ?? { fraction: 0, message: '' });
    };
    beat();
    const timer = setInterval(beat, intervalMs);
    try {
      return await body();
    } finally {
      clearInterval(timer);
    }
  },

  /** Wraps each activity in `during`. */
  around<T extends object>(activities: T): T {
    return Object.fromEntries(
      Object.entries(activities).map(([name, run]: [string, (...args: unknown[]) => Promise<unknown>]) => [
        name,
        (...args: unknown[]) => heartbeats.during(() => run(...args)),
      ]),
    ) as T;
  },
};
