/** How activities are called: one time-out class each, one retry policy for all. What is worth retrying is decided in activities/failures.ts. */
import { proxyActivities, type RetryPolicy } from '@temporalio/workflow';
import { taskQueue } from '../lib/pipeline/plan.ts';
import type { StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import type { ControlActivities, StageActivities } from './activities.ts';

/** No limit of attempts: a run waits for storage or network that comes back. Failures that stay are made non-retryable by the activity's side. */
export const retry: RetryPolicy = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' };

/** Milliseconds of work at most, on the workflow's own queue: handed out with the workflow task. */
export function control(summary: string): ControlActivities {
  return proxyActivities<ControlActivities>({ startToCloseTimeout: '2 minutes', retry, summary });
}

/** A result, with the seconds of work behind it. */
export type Worked<T> = T & { workSeconds?: number };

/**
 * Seconds of work of this workflow so far: of the attempts that gave a result. Not counted is what was waited for: an outage, a hold, a
 * night asleep, another run on the worker.
 */
export const work = {
  seconds: 0,
  /** The result without them, after they were counted (if they are to be). */
  count<T>(result: Worked<T>, beside = false): T {
    if (typeof result !== 'object' || result === null || !('workSeconds' in result)) return result;
    const { workSeconds = 0, ...rest } = result;
    if (!beside) work.seconds += workSeconds;
    return rest as T;
  },
  /** What a child workflow returns to be counted by its parent. */
  with: <T extends object>(result: T): Worked<T> => ({ ...result, workSeconds: work.seconds }),
};

/**
 * Seconds to hours of work, with heartbeats, on the queue with the given short name. `summary` is one line for the UI. `beside`: done
 * beside other work of the workflow, so that its time is not counted twice.
 */
export function heavy<A extends { [K in keyof A]: (call: never) => Promise<unknown> }>(
  queue: string,
  summary: string,
  { beside = false }: { beside?: boolean } = {},
): A {
  return new Proxy(activitiesOn(queue, summary), {
    get: (activities, name: string) => async (call: unknown) =>
      work.count((await activities[name](call)) as Worked<unknown>, beside),
  }) as unknown as A;
}

/** The one activity of a stage that has no workflow: its output, with its seconds. */
export function stageActivity(
  queue: string,
  summary: string,
  stage: keyof StageActivities,
): (input: StageInput) => Promise<Worked<StageOutput>> {
  return activitiesOn(queue, summary)[stage] as (input: StageInput) => Promise<Worked<StageOutput>>;
}

function activitiesOn(queue: string, summary: string): Record<string, (call: unknown) => Promise<unknown>> {
  return proxyActivities({
    taskQueue: taskQueue(queue),
    startToCloseTimeout: '24 hours',
    heartbeatTimeout: '20 seconds',
    retry,
    summary,
  });
}
