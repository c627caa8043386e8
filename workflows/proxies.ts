/** How activities are called: one time-out class each, one retry policy for all. What is worth retrying is decided in activities/failures.ts. */
import { proxyActivities, type RetryPolicy } from '@temporalio/workflow';
import { taskQueue } from '../lib/pipeline/plan.ts';
import type { ControlActivities } from './activities.ts';

/** No limit of attempts: a run waits for storage or network that comes back. Failures that stay are made non-retryable by the activity's side. */
export const retry: RetryPolicy = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' };

/** Milliseconds of work at most, on the workflow's own queue: handed out with the workflow task. */
export function control(summary: string): ControlActivities {
  return proxyActivities<ControlActivities>({ startToCloseTimeout: '2 minutes', retry, summary });
}

/** Seconds to hours of work, with heartbeats, on the queue with the given short name. `summary` is one line for the UI. */
export function heavy<A extends { [K in keyof A]: (call: never) => Promise<unknown> }>(
  queue: string,
  summary: string,
): A {
  return proxyActivities({
    taskQueue: taskQueue(queue),
    startToCloseTimeout: '24 hours',
    heartbeatTimeout: '20 seconds',
    retry,
    summary,
  }) as unknown as A;
}
