/** The cpu worker: scoring, experiments. Its activities run in its own process, several at a time. */
import { activityInfo, Context } from '@temporalio/activity';
import { withFailures } from '../activities/failures.ts';
import { cpuActivities } from '../activities/on-cpu.ts';
import type { Environment } from '../infra/environment.ts';
import { runWorker } from './run-worker.ts';
import { sharedDeps } from './shared-deps.ts';
import { callOf, heartbeats } from './heartbeats.ts';
import { timed } from './worked.ts';

/** Runs until a signal ends it. NEWSHOUND_CPU_QUEUE: the short name of the queue, default `cpu`. */
export async function runCpuWorker(env: Environment, onRunning?: () => void): Promise<void> {
  const activities = cpuActivities({
    ...sharedDeps(env),
    progress: (fraction, message) => heartbeats.report(fraction, message),
    get signal() {
      return Context.current().cancellationSignal;
    },
  });
  await runWorker({
    env,
    queue: env['NEWSHOUND_CPU_QUEUE'] || 'cpu',
    onRunning,
    options: {
      activities: withFailures(timed(heartbeats.around(activities)), () => callOf(activityInfo())),
      maxConcurrentActivityTaskExecutions: 4,
      maxConcurrentActivityTaskPolls: 2,
      ...heartbeats.throttle,
    },
  });
}

if (import.meta.main) await runCpuWorker(process.env);
