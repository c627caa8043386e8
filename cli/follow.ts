/** Starts a run, or joins the one that is under way, and follows it to its end. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  type Client,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { setTimeout as delay } from 'node:timers/promises';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { NewshoundError } from '../lib/errors.ts';
import { codeDigest, createSourceReader } from '../lib/pipeline/code-digest.ts';
import type { PaperPlan } from '../lib/pipeline/paper.ts';
import { type Plan, type RunProgress, type RunResult, taskQueue, workflowId } from '../lib/pipeline/plan.ts';
import type { Say } from '../infra/say.ts';
import { withHeartbeats } from './heartbeats.ts';

/** A run that ended badly: the message is the failed step's own. */
export class RunFailed extends NewshoundError {
  readonly retryable = false;
}

/**
 * Starts the pipeline's workflow and gives its id. One that is running with the same plan is joined (it outlived a crash or a Ctrl-C);
 * one with another plan, or of other code, is ended first: what its steps have stored is reused.
 */
export async function startRun(client: Client, plan: Plan | PaperPlan, say: Say): Promise<string> {
  const id = workflowId(plan);
  const running = await runningPlan(client.workflow.getHandle(id));
  if (running === JSON.stringify(planDigest(plan))) {
    say.line(`Going on with the run that was under way (workflow ${id})`);
    return id;
  }
  const scheduled = await scheduledRun(client, id);
  if (scheduled !== null)
    throw new RunFailed(
      `a run that its schedule began is under way (workflow ${scheduled}). Let it end (newshound up goes on with it, newshound status shows it), or end it in the Temporal UI: two at once would take the tensor worker from each other`,
    );
  if (running !== null) {
    say.line(
      'The run that was under way was of other settings or other code: it is ended, what its steps have finished is reused',
    );
    await client.workflow.getHandle(id).terminate('replaced by a run of other settings or code');
  }
  try {
    await client.workflow.start('arms' in plan ? 'paper' : 'pipeline', pipelineOptions(plan));
    return id;
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
  client: Client,
  id: string,
  show: (progress: RunProgress) => void,
  stopped: AbortSignal,
): Promise<RunResult> {
  const ended = new AbortController();
  const over = AbortSignal.any([ended.signal, stopped]);
  const aborted = new Promise<never>((_, reject) =>
    stopped.addEventListener('abort', () => reject(stopped.reason), { once: true }),
  );
  // Ends early only by throwing.
  const showing = showUntil(client, id, show, over).then(() => aborted);
  showing.catch(() => undefined);
  stopped.throwIfAborted();
  try {
    return await Promise.race([resultOf(client, id, over), showing, aborted]);
  } finally {
    ended.abort();
    const last = stopped.aborted ? null : await queryProgress(client, id);
    if (last !== null) show(last);
  }
}

/** How far the run is, with what its activities report; null while nothing answers. */
export async function queryProgress(client: Client, id: string): Promise<RunProgress | null> {
  try {
    const progress = await client.workflow.getHandle(id).query<RunProgress>('progress');
    return await withHeartbeats(client, id, progress);
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

/** A schedule has the id of its pipeline's workflow. Its runs have the time in theirs, so that the server does not see two of a pipeline. */
async function scheduledRun(client: Client, id: string): Promise<string | null> {
  const query = `TemporalScheduledById = "${id}" AND ExecutionStatus = "Running"`;
  for await (const { workflowId: other } of client.workflow.list({ query })) return other;
  return null;
}

/** How a plan's workflow is started, by hand and by schedule: what the UI shows and filters by. */
export function pipelineOptions(plan: Plan | PaperPlan) {
  return {
    workflowId: workflowId(plan),
    taskQueue: taskQueue('control'),
    args: [plan] as [Plan | PaperPlan],
    memo: { plan: planDigest(plan) },
    staticSummary: `pipeline ${plan.pipeline}, profile ${plan.profile}, seed ${plan.seed}`,
    typedSearchAttributes: [
      { key: pipelineAttribute, value: plan.pipeline },
      { key: profileAttribute, value: plan.profile },
    ],
  };
}

/** Of the plan, and of the code that works on it: half a step of one version and half of another is no step of either. */
function planDigest(plan: Plan | PaperPlan): string {
  const code = codeDigest(join(import.meta.dirname, '..'), workerFiles, sources);
  return createHash('sha256').update(JSON.stringify(plan)).update(code).digest('hex');
}

/** Read once: asked for a run and for its start. */
const sources = createSourceReader();

const workerFiles = ['control', 'cpu', 'compute', 'recall']
  .map((name) => `workers/${name}.ts`)
  .concat('workflows/index.ts');

const pollMs = 400;
const pipelineAttribute = defineSearchAttributeKey('NewshoundPipeline', SearchAttributeType.KEYWORD);
const profileAttribute = defineSearchAttributeKey('NewshoundProfile', SearchAttributeType.KEYWORD);

async function showUntil(
  client: Client,
  id: string,
  show: (progress: RunProgress) => void,
  over: AbortSignal,
): Promise<void> {
  let silentSince: number | null = null;
  while (!over.aborted) {
    const progress = await queryProgress(client, id);
    if (progress !== null && !over.aborted) show(progress);
    silentSince = progress === null ? (silentSince ?? Date.now()) : null;
    if (silentSince !== null && Date.now() - silentSince > SILENT_MS) {
      await refuseStuck(client, id);
      silentSince = null;
    }
    await delay(pollMs, undefined, { signal: over }).catch(() => undefined);
  }
}

const SILENT_MS = 30_000;
/** Of a workflow task, before it is said to be stuck: a worker that starts needs one or two. */
const STUCK_ATTEMPTS = 5;

/** Throws RunFailed where the workflow's own code fails again and again: a run of older code than the worker's, most likely. */
async function refuseStuck(client: Client, id: string): Promise<void> {
  const attempts = await client.workflow
    .getHandle(id)
    .describe()
    .then(({ raw }) => raw.pendingWorkflowTask?.attempt ?? 0)
    .catch(() => 0);
  if (attempts < STUCK_ATTEMPTS) return;
  throw new RunFailed(
    `workflow ${id} makes no progress: its workflow task has failed ${attempts} times (logs/control.log and the Temporal UI say why). Where the code was changed while it was open, go on with the code before, or end it in the UI and start again: what its steps have finished is reused`,
  );
}

async function resultOf(client: Client, id: string, over: AbortSignal): Promise<RunResult> {
  for (;;) {
    try {
      return (await client.workflow.getHandle(id).result()) as RunResult;
    } catch (error) {
      if (error instanceof WorkflowFailedError) throw new RunFailed(failureMessage(error), { cause: error });
      if (!isTemporary(error) || over.aborted) throw error;
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
export function failureMessage(error: Error): string {
  let inner: Error = error;
  while (inner.cause instanceof Error) inner = inner.cause;
  return inner.message;
}
