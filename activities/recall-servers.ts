/** The recall servers of A/B tests: a process for each arm that needs one, kept from day to day. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { RecallServerEnded, ServerStartFailed } from '../lib/errors.ts';
import { type Order, orderVariable } from '../lib/serving/server.ts';
import type { FailureReport } from './failures.ts';

export interface ArmServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly pid: number;
  /** Throws RecallServerEnded when the process is gone: what was not answered says nothing about the model. */
  check(): void;
}

export interface RecallServers {
  /** The server of an order, started unless it runs. Throws ServerStartFailed; RecallServerEnded where another try may work. */
  of(experiment: string, order: Order): Promise<ArmServer>;
  /** The servers of an experiment are in use: they are not idle. */
  keep(experiment: string): void;
  /** Ends the servers of an experiment; none are no error. */
  stop(experiment: string): Promise<void>;
}

type Message = { kind: 'ready'; port: number } | { kind: 'failed'; failure: FailureReport };

/** A server that nobody needed for so long belongs to an experiment that goes on elsewhere, or not at all. */
const IDLE_MS = 10 * 60_000;

interface Kept {
  child: ChildProcess;
  ready: Promise<ArmServer>;
  idle: NodeJS.Timeout;
}

const modulePath = join(import.meta.dirname, '..', 'workers', 'recall.ts');

/** The servers end with this process, however it ends: they notice that its channel is closed. */
export function createRecallServers(): RecallServers {
  const kept = new Map<string, Kept>();

  const end = async (key: string): Promise<void> => {
    const server = kept.get(key);
    if (!server) return;
    kept.delete(key);
    clearTimeout(server.idle);
    await killed(server.child);
  };

  return {
    async of(experiment, order) {
      const key = `${experiment} ${JSON.stringify(order)}`;
      const found = kept.get(key);
      if (found && isAlive(found.child)) {
        found.idle.refresh();
        return found.ready;
      }
      await end(key);
      const child = fork(modulePath, [], {
        env: { ...process.env, [orderVariable]: JSON.stringify(order) },
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      const server = {
        child,
        ready: readyOf(child),
        idle: setTimeout(() => void end(key), IDLE_MS).unref(),
      };
      kept.set(key, server);
      server.ready.catch(() => void end(key));
      return server.ready;
    },
    keep(experiment) {
      for (const [key, { idle }] of kept) if (key.startsWith(`${experiment} `)) idle.refresh();
    },
    async stop(experiment) {
      await Promise.all([...kept.keys()].filter((key) => key.startsWith(`${experiment} `)).map(end));
    },
  };
}

function readyOf(child: ChildProcess): Promise<ArmServer> {
  return new Promise((resolve, reject) => {
    child.once('message', (message: Message) => {
      if (message.kind === 'failed') return reject(startError(message.failure));
      resolve({
        url: `http://127.0.0.1:${message.port}`,
        pid: child.pid ?? 0,
        check: () => {
          if (!isAlive(child)) throw new RecallServerEnded(howItEnded(child));
        },
      });
    });
    child.once('error', (error) => reject(new ServerStartFailed('recall server', error.message, error)));
    child.once('exit', () => reject(new RecallServerEnded(howItEnded(child))));
  });
}

function startError({ retry, message }: FailureReport): Error {
  return retry === 'never' ? new ServerStartFailed('recall server', message) : new RecallServerEnded(message);
}

function isAlive({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

function howItEnded({ exitCode, signalCode }: ChildProcess): string {
  return signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
}

async function killed(child: ChildProcess): Promise<void> {
  if (!isAlive(child) || child.pid === undefined) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
