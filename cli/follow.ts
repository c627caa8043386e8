/** Starts a run, or joins the one that is under way, and follows it to its end. */
import { createHash } from 'node:crypto';
import {
  type Client,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { setTimeout as delay } from 'node:timers/promises';
import { NewshoundError } from '../lib/errors.ts';
import { type Plan, type RunProgress, type RunResult, taskQueue, workflowId } from '../lib/pipeline/plan.ts';
import type { Say } from '../infra/say.ts';

/** A run that ended badly: the message is the failed step's own. */
export class RunFailed extends NewshoundError {
  readonly retryable = false;
}

/**
 * Starts the pipeline's workflow. One that is running with the same plan is joined (it outlived a crash or a Ctrl-C);
 * one with another plan is ended first: what its steps have stored is reused.
 */
export async function startRun(client: Client, plan: Plan, say: Say): Promise<WorkflowHandle> {
  const id = workflowId(plan);
  const digest = createHash('sha256').update(JSON.stringify(plan)).digest('hex');
  const running = await runningPlan(client.workflow.getHandle(id));
  if (running === JSON.stringify(digest)) {
    say.line(`Going on with the run that was under way (workflow ${id})`);
    return client.workflow.getHandle(id);
  }
  if (running !== null) {
    say.line('The run that was under way had other settings: it is ended, what its steps have finished is reused');
    await client.workflow.getHandle(id).terminate('replaced by a run with other settings');
  }
  try {
    return await client.workflow.start('pipeline', {
      workflowId: id,
      taskQueue: taskQueue('control'),
      args: [plan],
      memo: { plan: digest },
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new RunFailed(
      `workflow ${id} was started by somebody else just now. Wait for it, or follow it in the Temporal UI`,
      { cause: error },
    );
  }
}

/**
 * Shows the run's progress until it ends; resolves to its result. Throws RunFailed, or the reason of `stopped`.
 * A Temporal server that is away for a while is waited for.
 */
export async function followRun(
  handle: WorkflowHandle,
  show: (progress: RunProgress) => void,
  stopped: AbortSignal,
): Promise<RunResult> {
  const ended = new AbortController();
  const aborted = new Promise<never>((_, reject) =>
    stopped.addEventListener('abort', () => reject(stopped.reason), { once: true }),
  );
  const showing = showUntil(handle, show, AbortSignal.any([ended.signal, stopped]));
  try {
    stopped.throwIfAborted();
    return await Promise.race([resultOf(handle, stopped), aborted]);
  } finally {
    ended.abort();
    await showing;
    if (!stopped.aborted) await showOnce(handle, show);
  }
}

/** What the workflow answers to `progress`, or null while nothing answers. */
export async function queryProgress(handle: WorkflowHandle): Promise<RunProgress | null> {
  try {
    return await handle.query<RunProgress>('progress');
  } catch (error) {
    if (isTemporary(error)) return null;
    throw error;
  }
}

async function runningPlan(handle: WorkflowHandle): Promise<string | null> {
  try {
    const { status, memo } = await handle.describe();
    return status.name === 'RUNNING' ? JSON.stringify(memo?.['plan']) : null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

const pollMs = 400;

async function showUntil(
  handle: WorkflowHandle,
  show: (progress: RunProgress) => void,
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    await showOnce(handle, show);
    await delay(pollMs, undefined, { signal: over }).catch(() => undefined);
  }
}

async function showOnce(handle: WorkflowHandle, show: (progress: RunProgress) => void): Promise<void> {
  const progress = await queryProgress(handle);
  if (progress !== null) show(progress);
}

async function resultOf(handle: WorkflowHandle, stopped: AbortSignal): Promise<RunResult> {
  for (;;) {
    try {
      return (await handle.result()) as RunResult;
    } catch (error) {
      if (error instanceof WorkflowFailedError) throw new RunFailed(failureMessage(error), { cause: error });
      if (!isTemporary(error) || stopped.aborted) throw error;
      await delay(1_000);
    }
  }
}

/** True for what passes by itself: a server or worker that is away or starting again. */
function isTemporary(error: unknown): boolean {
  return (
    error instanceof ServiceError ||
    (error instanceof Error && /UNAVAILABLE|DEADLINE_EXCEEDED|no poller|ECONNREFUSED/i.test(error.message))
  );
}

/** The innermost message of a failed workflow: the failed step's own words. */
function failureMessage(error: Error): string {
  let inner: Error = error;
  while (inner.cause instanceof Error) inner = inner.cause;
  return inner.message;
}
