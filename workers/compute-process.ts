/** The worker's side of a compute process: started when needed, watched, killed on cancellation, replaced when it dies. */
import { type ChildProcess, fork } from 'node:child_process';
import type { FailureReport } from '../activities/failures.ts';
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

export function createComputeProcess(modulePath: string, env: NodeJS.ProcessEnv): ComputeProcess {
  let child: ChildProcess | null = null;
  let heard = Date.now();
  let nextId = 1;
  let queue: Promise<unknown> = Promise.resolve();
  let waiting: { id: number; call: Call; settle: (answer: Answer) => void } | null = null;
  const first = Promise.withResolvers<void>();

  const onMessage = (message: FromCompute): void => {
    heard = Date.now();
    if (message.kind === 'ready') first.resolve();
    else if (waiting?.id !== message.id) return;
    else if (message.kind === 'progress') waiting.call.onProgress(message.fraction, message.message);
    else waiting.settle(message);
  };
  const start = (): ChildProcess => {
    const started = fork(modulePath, [], {
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'json',
    });
    started.on('message', onMessage);
    const gone = (how: string): void => {
      if (child === started) child = null;
      first.reject(new Error(`it ended before it was ready: ${how}`));
      waiting?.settle({ kind: 'died', how });
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
      const target = running();
      const abort = (): void => void target.kill('SIGKILL');
      const settle = (answer: Answer): void => {
        call.signal.removeEventListener('abort', abort);
        waiting = null;
        resolve(answer);
      };
      waiting = { id, call, settle };
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
    kill: () => void child?.kill('SIGKILL'),
  };
}
