/** Servers and workers for the length of one command: brought up in order, and taken down whatever happens. */
import type { Client } from '@temporalio/client';
import { outFolder, stateFolder, temporalConnection } from '../infra/environment.ts';
import { openSession, type Session } from '../infra/session.ts';
import type { Say } from '../infra/say.ts';
import type { NewshoundError } from '../lib/errors.ts';
import { type MemoryWatch, startWorkers, watchMemory, type WorkerName, workerNames } from '../workers/supervisor.ts';
import { connectTemporal } from './temporal.ts';

export interface WorkOptions {
  doing: string;
  say: Say;
  workers: readonly WorkerName[];
  /** A fresh object: the environment of this process. */
  env: NodeJS.ProcessEnv;
}

export interface Work {
  session: Session;
  client: Client;
  memory: MemoryWatch;
  /** This process's environment with the servers' addresses and credentials. */
  env: NodeJS.ProcessEnv;
  /** Aborted by Ctrl-C, SIGTERM or SIGHUP, with the signal's name as reason, and by a server or worker that cannot be kept running, with its error. */
  stopped: AbortSignal;
}

/** What `stopped` holds when a person ended the command. */
export class Interrupted extends Error {
  readonly exitCode: number;
  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
    this.exitCode = 128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal as 'SIGHUP' | 'SIGINT' | 'SIGTERM'];
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Brings servers and workers up, runs `body`, and takes everything down again: after `body`, on its failure, and on a signal
 * (a second signal kills at once). Throws AlreadyRunning before anything is touched, and what `body` throws.
 */
export async function withWork<T>(options: WorkOptions, body: (work: Work) => Promise<T>): Promise<T> {
  const { say, env } = options;
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) process.exit(new Interrupted(signal).exitCode);
    say.line(`${signal}: stopping; the next start goes on from here`);
    stop.abort(new Interrupted(signal));
  };
  for (const signal of signals) process.on(signal, onSignal);
  try {
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

/** The three workers of a single machine. */
export const allWorkers = workerNames;

async function withWorkers<T>(
  options: WorkOptions,
  session: Session,
  stop: AbortController,
  body: (work: Work) => Promise<T>,
): Promise<T> {
  const { say } = options;
  const state = session.stateFolder;
  const env = { ...options.env, ...session.servers.env, NEWSHOUND_STATE: state, NEWSHOUND_OUT: outFolder(options.env) };
  say.line(
    `Temporal: ${session.servers.temporal.description}${session.servers.temporal.uiUrl === null ? '' : `, UI ${session.servers.temporal.uiUrl}`}`,
  );
  say.line(`S3: ${session.servers.s3.description}`);
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
  if (options.workers.length > 0) void workers.gaveUp.then(giveUp);
  try {
    const { client, close } = await connectTemporal(temporalConnection(env));
    try {
      stop.signal.throwIfAborted();
      return await body({ session, client, memory, env, stopped: stop.signal });
    } finally {
      await close();
    }
  } finally {
    memory.stop();
    await workers.stop();
  }
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
