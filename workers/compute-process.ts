/** The worker's side of a compute process: started when needed, watched, killed on cancellation, replaced when it dies or grew too large. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stateFolder } from '../infra/environment.ts';
import { type FailureReport, reportFailure } from '../activities/failures.ts';
import type { FromCompute, ToCompute } from './compute-protocol.ts';

export interface Call {
  activity: string;
  args: unknown[];
  onProgress: (fraction: number, message: string) => void;
  /** Kills the process when aborted. */
  signal: AbortSignal;
}

export type Answer =
  | { kind: 'done'; result: unknown }
  | { kind: 'failed'; failure: FailureReport }
  /** The process died, or was killed because the call was aborted. */
  | { kind: 'died'; how: string };

export interface ComputeProcess {
  /** Runs one call; calls queue up behind each other. Never rejects. */
  call(call: Call): Promise<Answer>;
  /** Milliseconds since 1970 of the last message of the process. */
  lastHeard(): number;
  /** Starts the first process. Rejects when it ends before it can take calls. */
  ready(): Promise<void>;
  pid(): number | null;
  /** Kills the process; later calls start a fresh one. */
  kill(): void;
}

export interface ComputeOptions {
  env: NodeJS.ProcessEnv;
  /**
   * A process that holds more after a call is ended; the next call gets a fresh one. Nothing is lost but time: what a process keeps between
   * calls it can make again.
   */
  residentLimitBytes: number;
  say: (text: string) => void;
}

export function createComputeProcess(
  modulePath: string,
  { env, residentLimitBytes, say }: ComputeOptions,
): ComputeProcess {
  let child: ChildProcess | null = null;
  let heard = Date.now();
  let nextId = 1;
  let queue: Promise<unknown> = Promise.resolve();
  let waiting: { id: number; call: Call; child: ChildProcess; settle: (answer: Answer) => void } | null = null;
  const first = Promise.withResolvers<void>();

  const onMessage = (message: FromCompute): void => {
    heard = Date.now();
    if (message.kind === 'ready') first.resolve();
    else if (waiting?.id !== message.id) return;
    else if (message.kind === 'progress') waiting.call.onProgress(message.fraction, message.message);
    else {
      const { residentBytes } = message;
      if (residentBytes > residentLimitBytes) {
        const [held, allowed] = [residentBytes, residentLimitBytes].map((bytes) => Math.round(bytes / 2 ** 20));
        say(
          `compute process ${waiting.child.pid} holds ${held} MB after ${waiting.call.activity}, ${allowed} are allowed: a fresh one takes over`,
        );
        end(waiting.child);
      }
      waiting.settle(message);
    }
  };
  /** It may still live for a moment, but no call goes to it. */
  const end = (target: ChildProcess): void => {
    if (child === target) child = null;
    target.kill('SIGKILL');
  };
  const start = (): ChildProcess => {
    // It ends by SIGKILL as a rule, and what it had in hand may be a whole export of readers' logs: its scratch goes with it.
    const parent = join(stateFolder(env), 'scratch');
    mkdirSync(parent, { recursive: true });
    const scratch = mkdtempSync(join(parent, `${process.pid}-`));
    const started = fork(modulePath, [], {
      env: { ...env, TMPDIR: scratch },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'json',
    });
    started.on('message', onMessage);
    const gone = (how: string): void => {
      if (child === started) child = null;
      rmSync(scratch, { recursive: true, force: true });
      first.reject(new Error(`it ended before it was ready: ${how}`));
      // Another process may have taken over, and what waits may be its call.
      if (waiting?.child === started) waiting.settle({ kind: 'died', how });
    };
    started.once('error', (error) => gone(error.message));
    started.once('exit', (code, signal) => gone(signal === null ? `exit code ${code}` : `signal ${signal}`));
    return started;
  };
  const running = (): ChildProcess => (child ??= start());

  const callNow = (call: Call): Promise<Answer> =>
    new Promise((resolve) => {
      if (call.signal.aborted) return resolve({ kind: 'died', how: 'cancelled before it began' });
      const id = nextId++;
      heard = Date.now();
      let target: ChildProcess;
      try {
        target = running();
      } catch (error) {
        // A full disk, no memory for a process: the next call tries again.
        return resolve({ kind: 'failed', failure: reportFailure(error) });
      }
      const abort = (): void => end(target);
      const settle = (answer: Answer): void => {
        call.signal.removeEventListener('abort', abort);
        waiting = null;
        resolve(answer);
      };
      waiting = { id, call, child: target, settle };
      call.signal.addEventListener('abort', abort, { once: true });
      const request: ToCompute = { kind: 'call', id, activity: call.activity, args: call.args };
      // A send that fails means that the process is dying: its exit settles the call.
      target.send(request, () => undefined);
    });

  return {
    call: (call) => {
      const answer = queue.then(() => callNow(call));
      queue = answer;
      return answer;
    },
    lastHeard: () => heard,
    ready: () => {
      running();
      return first.promise;
    },
    pid: () => child?.pid ?? null,
    kill: () => {
      if (child) end(child);
    },
  };
}
