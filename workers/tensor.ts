/** The tensor worker: forwards activities, by name, to a compute process, one at a time (one slot a device). */
import { join } from 'node:path';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { Context } from '@temporalio/activity';
import { createCounter, toTemporalFailure } from '../activities/failures.ts';
import type { Environment } from '../infra/environment.ts';
import { ConfigError, ServerStartFailed } from '../lib/errors.ts';
import { allocatorEnvironment } from '../lib/tensor/allocator.ts';
import { machineMemory } from '../lib/tensor/micro-batches.ts';
import { type ComputeProcess, createComputeProcess } from './compute-process.ts';
import { callOf, heartbeats } from './heartbeats.ts';
import { worked } from './worked.ts';
import { runWorker } from './run-worker.ts';

/** A compute process that says nothing for this long hangs: it is killed and the call is repeated. */
const stallMs = 30 * 60_000;

/** A call during which so many compute processes died will kill the next one too (memory, most likely). */
const deathsAllowed = 10;

const [failures, deaths] = [createCounter(), createCounter()];

/** Runs until a signal ends it. NEWSHOUND_TENSOR_QUEUE: the short name of the queue, default `tensor`. Throws ConfigError, ServerStartFailed. */
export async function runTensorWorker(env: Environment, onRunning?: () => void): Promise<void> {
  const compute = createComputeProcess(join(import.meta.dirname, 'compute.ts'), {
    env: { ...allocatorEnvironment, ...env } as NodeJS.ProcessEnv,
    residentLimitBytes: residentLimit(env),
    say: (text) => void process.stdout.write(`${text}\n`),
  });
  try {
    await compute.ready();
  } catch (cause) {
    throw new ServerStartFailed('compute process', (cause as Error).message, cause);
  }
  try {
    await runWorker({
      env,
      queue: env['NEWSHOUND_TENSOR_QUEUE'] || 'tensor',
      onRunning,
      options: {
        activities: { default: (...args: unknown[]) => forward(compute, args) },
        maxConcurrentActivityTaskExecutions: 1,
        maxConcurrentActivityTaskPolls: 1,
        ...heartbeats.throttle,
      },
    });
  } finally {
    compute.kill();
  }
}

/** NEWSHOUND_COMPUTE_MEMORY_MB, or three quarters of what this machine, or the control group that it runs in, has. Throws ConfigError. */
function residentLimit(env: Environment): number {
  const setting = env['NEWSHOUND_COMPUTE_MEMORY_MB'];
  if (!setting) return 0.75 * machineMemory();
  const megabytes = Number(setting);
  if (megabytes > 0) return megabytes * 2 ** 20;
  throw new ConfigError(`NEWSHOUND_COMPUTE_MEMORY_MB must be a number of megabytes above 0, not "${setting}"`);
}

async function forward(compute: ComputeProcess, args: unknown[]): Promise<unknown> {
  const context = Context.current();
  const { activityType } = context.info;
  const call = callOf(context.info);
  const startedAt = performance.now();
  let hasStalled = false;
  const answer = await heartbeats.during(
    () =>
      compute.call({
        activity: activityType,
        args,
        onProgress: (fraction, message) => context.heartbeat(heartbeats.remember(context, { fraction, message })),
        signal: context.cancellationSignal,
      }),
    () => {
      hasStalled = Date.now() - compute.lastHeard() > stallMs;
      if (hasStalled) compute.kill();
      return !hasStalled;
    },
  );
  if (answer.kind === 'done') return worked(answer.result, (performance.now() - startedAt) / 1000);
  if (answer.kind === 'failed') throw toTemporalFailure(answer.failure, () => failures(call));
  if (context.cancellationSignal.aborted) throw whyCancelled(context);
  throw ApplicationFailure.create({
    type: 'ComputeProcessDied',
    message: hasStalled
      ? `the compute process said nothing for ${stallMs / 60_000} minutes during ${activityType} and was ended. A fresh one repeats it`
      : `the compute process ended during ${activityType}: ${answer.how}. A fresh one repeats it. When it happens again and again, memory is the usual reason: lower the batch sizes`,
    nonRetryable: deaths(call) >= deathsAllowed,
  });
}

/** A cancelled workflow wants no repetition; a worker that shuts down, or an attempt that the server gave up, does. */
function whyCancelled(context: Context): Error {
  const reason = (context.cancellationSignal.reason as Error | undefined)?.message ?? '';
  if (context.cancellationDetails?.cancelRequested) return new CancelledFailure(reason);
  return ApplicationFailure.retryable(
    `interrupted (${reason || 'no reason given'}); it will be repeated`,
    'Interrupted',
  );
}

if (import.meta.main) await runTensorWorker(process.env);
