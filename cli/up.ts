/** `newshound up`: servers and workers until Ctrl-C. `newshound down`: ends them, or a run, from elsewhere. */
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import { stateFolder } from '../infra/environment.ts';
import { lockHolder } from '../infra/lock.ts';
import type { Say } from '../infra/say.ts';
import { lockPath } from '../infra/session.ts';
import type { RunResult } from '../lib/pipeline/plan.ts';
import { storageSeconds } from '../workers/storage-clock.ts';
import { workerNames } from '../workers/supervisor.ts';
import { failureMessage } from './follow.ts';
import { Interrupted } from './interrupted.ts';
import { keepResults } from './run-results.ts';
import { keepingUp, type Work, withWork } from './work.ts';

/** Keeps servers and workers running until a signal; schedules fire, and runs started elsewhere are worked on. */
export async function up(say: Say): Promise<void> {
  try {
    await withWork(
      { doing: keepingUp, say, workers: workerNames, join: 'none' },
      async ({ client, env, memory, stopped, uiUrl }) => {
        say.line(
          `Up: ${workerNames.join(', ')} workers wait for work${uiUrl === null ? '' : `; watch them at ${uiUrl}`}. Ctrl-C ends everything`,
        );
        await keepScheduled({ client, env, memory, stopped }, say);
        throw stopped.reason;
      },
    );
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
  }
}

/** Between two looks at what schedules have started and ended. */
const LOOK_MS = 5_000;

/** Nobody waits for a scheduled run: what it found is written here, as `newshound run` does for its own. Until `stopped`. */
async function keepScheduled(work: Pick<Work, 'client' | 'env' | 'memory' | 'stopped'>, say: Say): Promise<void> {
  const since = new Date().toISOString();
  /** Written, or failed as a run. */
  const kept = new Set<string>();
  /** What was said last, of each: what lasts is said once. */
  const told = new Map<string, string>();
  let storage = storageSeconds(stateFolder(process.env));
  const keep = async (workflowId: string): Promise<void> => {
    const result = (await work.client.workflow.getHandle(workflowId).result()) as RunResult;
    const { files } = await keepResults(work, workflowId, result, storage);
    kept.add(workflowId);
    storage = storageSeconds(stateFolder(process.env));
    say.line(`Scheduled run ${workflowId} has ended; report: ${files.page}`);
  };
  /** A run that failed is done with. All else is tried again: the server is on its way back, the disk is full. */
  const tell = (what: string, error: Error): void => {
    if (error instanceof WorkflowFailedError) kept.add(what);
    const message = failureMessage(error);
    if (!work.stopped.aborted && message !== told.get(what)) say.line(`Scheduled runs: ${what}: ${message}`);
    told.set(what, message);
  };
  const query = `WorkflowType = "pipeline" AND TemporalScheduledById IS NOT NULL AND ExecutionStatus != "Running" AND CloseTime > "${since}"`;
  while (!work.stopped.aborted) {
    try {
      for await (const { workflowId } of work.client.workflow.list({ query }))
        if (!kept.has(workflowId)) await keep(workflowId).catch((error: Error) => tell(workflowId, error));
    } catch (error) {
      tell('the list of them', error as Error);
    }
    await delay(LOOK_MS, undefined, { signal: work.stopped }).catch(() => undefined);
  }
}

/** Asks the newshound that is at work in the state folder to stop, and waits until it has. */
export async function down(say: Say): Promise<void> {
  const path = lockPath(stateFolder(process.env));
  const holder = lockHolder(path);
  if (holder === null) {
    say.line('Nothing runs here');
    return;
  }
  process.kill(holder.pid, 'SIGTERM');
  say.line(`Asked pid ${holder.pid} (${holder.doing}) to stop`);
  while (lockHolder(path)?.pid === holder.pid) await delay(100);
  say.line('Stopped');
}
