/** Servers and workers for the length of one command: brought up in order, and taken down whatever happens. */
import type { Client } from '@temporalio/client';
import { outFolder, stateFolder, temporalConnection } from '../infra/environment.ts';
import { lockHolder } from '../infra/lock.ts';
import { readRunning } from '../infra/running.ts';
import { localCredentials } from '../infra/s3.ts';
import { hasOwnS3, hasOwnTemporal } from '../infra/servers.ts';
import { lockPath, openSession, type Session } from '../infra/session.ts';
import type { Say } from '../infra/say.ts';
import { ConfigError, type NewshoundError, ServersEnded } from '../lib/errors.ts';
import type { Plan } from '../lib/pipeline/plan.ts';
import { checkProviders, executionProviders } from '../lib/tensor/execution-providers.ts';
import { threads } from '../workers/shared-deps.ts';
import { type MemoryWatch, startWorkers, watchMemory, type WorkerName } from '../workers/supervisor.ts';
import { Interrupted } from './interrupted.ts';
import { connectTemporal } from './temporal.ts';

export interface WorkOptions {
  doing: string;
  say: Say;
  workers: readonly WorkerName[];
  /** Whose servers (and workers) to use where a newshound is at work in the state folder: nobody's, those of `newshound up`, or anybody's. */
  join: 'none' | 'up' | 'any';
}

/** Temporal and S3, within reach. */
export interface Work {
  client: Client;
  /** This process's environment with the servers' addresses and credentials. */
  env: NodeJS.ProcessEnv;
  /** Where the Temporal UI is, if newshound started it. */
  uiUrl: string | null;
  /** Of everything that this command started; null where it joined others. */
  memory: MemoryWatch | null;
  /** Aborted by Ctrl-C, SIGTERM or SIGHUP (reason: Interrupted), and by a server or worker that cannot be kept running (its error). */
  stopped: AbortSignal;
}

/** The `doing` of `newshound up`. */
export const keepingUp = 'keeping servers and workers up';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `body` with Temporal and S3 within reach. Where there is nobody to join, brings servers and workers up first and takes
 * them down again: after `body`, on its failure, and on a signal (a second signal kills at once).
 * Throws AlreadyRunning, ServersEnded, and ConfigError for an execution provider or a number of threads that cannot be used, before anything is touched; and what `body` throws.
 */
export async function withWork<T>(options: WorkOptions, body: (work: Work) => Promise<T>): Promise<T> {
  const { say } = options;
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) process.exit(new Interrupted(signal).exitCode);
    say.line(`${signal}: stopping; the next start goes on from here`);
    stop.abort(new Interrupted(signal));
  };
  for (const signal of signals) process.on(signal, onSignal);
  try {
    const env = process.env;
    const joined = joinable(env, options.join);
    if (joined !== null) {
      const watch = watchHolder(lockPath(stateFolder(env)), stop);
      try {
        return await withClient({ ...joined, memory: null, stopped: stop.signal }, body);
      } finally {
        clearInterval(watch);
      }
    }
    if (options.workers.length > 0) {
      await checkProviders(executionProviders(env));
      threads(env);
    }
    const session = await openSession({
      stateFolder: stateFolder(env),
      env,
      say,
      doing: options.doing,
      signal: stop.signal,
    });
    try {
      return await withWorkers(options, session, stop, body);
    } finally {
      await session.close();
    }
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
  }
}

/**
 * Throws ConfigError for a step on a queue that none of `workers` would ask: it would wait for ever. Without workers of our own there may be
 * others for any.
 */
export function checkQueues(plan: Pick<Plan, 'steps'>, workers: readonly WorkerName[]): void {
  if (workers.length === 0) return;
  const { env } = process;
  const asked = [env['NEWSHOUND_CPU_QUEUE'] || 'cpu', env['NEWSHOUND_TENSOR_QUEUE'] || 'tensor'];
  if (asked[0] !== 'cpu' && plan.steps.some(({ runs }) => runs === 'workflow'))
    throw new ConfigError(
      `the workers here ask ${asked.join(' and ')}, and the teacher's lists are scored on queue "cpu": start a worker for it elsewhere and run with --no-workers, or leave NEWSHOUND_CPU_QUEUE out`,
    );
  const lost = plan.steps.find(({ queue }) => !asked.includes(queue));
  if (lost !== undefined)
    throw new ConfigError(
      `step ${lost.name} is on queue "${lost.queue}", and the workers here ask ${asked.join(' and ')}. Correct it in pipelines.yaml, or start workers for it elsewhere (NEWSHOUND_CPU_QUEUE, NEWSHOUND_TENSOR_QUEUE) and run with --no-workers`,
    );
}

/** Aborts when whoever holds the lock now lets it go: what this process waits for is not worked on any more. */
function watchHolder(path: string, stop: AbortController): NodeJS.Timeout {
  const holder = lockHolder(path);
  return setInterval(() => {
    if (holder !== null && lockHolder(path)?.pid !== holder.pid) stop.abort(new ServersEnded(holder));
  }, 1_000);
}

/**
 * The environment in which to reach the servers of the newshound that is at work in the state folder, or null. `store`: its S3 is enough;
 * one that only serves, or reads the store, has no Temporal.
 */
export function joinable(
  env: NodeJS.ProcessEnv,
  join: WorkOptions['join'],
  needed: 'all' | 'store' = 'all',
): Pick<Work, 'env' | 'uiUrl'> | null {
  const state = stateFolder(env);
  const holder = join === 'none' ? null : lockHolder(lockPath(state));
  if (holder === null || (join === 'up' && holder.doing !== keepingUp)) return null;
  const running = readRunning(state);
  if (running === null) return null;
  const credentials = hasOwnS3(env) ? {} : secretsOf(state);
  const theirs = { ...env, ...running.env, ...credentials, NEWSHOUND_STATE: state };
  return needed === 'all' && !hasOwnTemporal(theirs) ? null : { env: theirs, uiUrl: running.uiUrl };
}

async function withWorkers<T>(
  options: WorkOptions,
  session: Session,
  stop: AbortController,
  body: (work: Work) => Promise<T>,
): Promise<T> {
  const { say } = options;
  const { stateFolder: state, servers } = session;
  const env = { ...process.env, ...servers.env, NEWSHOUND_STATE: state, NEWSHOUND_OUT: outFolder(process.env) };
  const { uiUrl } = servers.temporal;
  say.line(`Temporal: ${servers.temporal.description}${uiUrl === null ? '' : `, UI ${uiUrl}`}`);
  say.line(`S3: ${servers.s3.description}`);
  const workers = await startWorkers({
    names: options.workers,
    stateFolder: state,
    env: definedOnly(env),
    guard: session.guard,
    say,
    onChange: () => session.record(),
  });
  session.track(workers.processes);
  const memory = watchMemory(() => session.pids());
  const giveUp = (error: NewshoundError) => stop.abort(error);
  void session.servers.gaveUp.then(giveUp);
  void workers.gaveUp.then(giveUp);
  try {
    return await withClient({ env, uiUrl, memory, stopped: stop.signal }, body);
  } finally {
    memory.stop();
    await workers.stop();
  }
}

async function withClient<T>(work: Omit<Work, 'client'>, body: (work: Work) => Promise<T>): Promise<T> {
  const client = await connectTemporal(temporalConnection(work.env));
  work.stopped.throwIfAborted();
  return await body({ ...work, client });
}

function secretsOf(state: string): Record<string, string> {
  const { accessKeyId, secretAccessKey } = localCredentials(state);
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
