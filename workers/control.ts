/** The control worker: the workflows, and the light activities that go out with their tasks. */
import { join } from 'node:path';
import { activityInfo } from '@temporalio/activity';
import { bundleWorkflowCode } from '@temporalio/worker';
import { createCacheActivities } from '../activities/cache.ts';
import { withFailures } from '../activities/failures.ts';
import type { Environment } from '../infra/environment.ts';
import { callOf } from './heartbeats.ts';
import { runWorker } from './run-worker.ts';
import { sharedDeps } from './shared-deps.ts';

const root = join(import.meta.dirname, '..');

/** Runs until a signal ends it. `onRunning` is called when it polls. */
export async function runControlWorker(env: Environment, onRunning?: () => void): Promise<void> {
  const workflowBundle = await bundleWorkflowCode({ workflowsPath: join(root, 'workflows', 'index.ts') });
  const activities = withFailures(createCacheActivities(sharedDeps(env), root), () => callOf(activityInfo()));
  await runWorker({
    env,
    queue: 'control',
    onRunning,
    options: {
      workflowBundle,
      activities,
      maxCachedWorkflows: 200,
      maxConcurrentActivityTaskExecutions: 20,
      // A killed worker's workflows move to another one after this.
      stickyQueueScheduleToStartTimeout: '3 seconds',
    },
  });
}

if (import.meta.main) await runControlWorker(process.env);
