/** A contender: a process of its own, that prepares a job and then runs it whenever it is told to. Only one runs at a time. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Prepared, Timing } from './serve.ts';

export interface Command {
  command: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
}

export interface Contender extends Pick<Prepared, 'check' | 'figures'> {
  run(): Promise<Timing>;
  /** Its peak resident memory, bytes; the process ends. */
  end(): Promise<number>;
  /** Ends it at once, whatever it does. */
  kill(): void;
}

/** Starts a contender on a job's folder and waits until it is ready. Throws with the end of what it wrote when it dies. */
export async function startContender({ command, args, env }: Command, folder: string): Promise<Contender> {
  const child = spawn(command, [...args, folder], {
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let complaint = '';
  child.stderr?.on('data', (text: Buffer) => {
    complaint = (complaint + text.toString()).slice(-4000);
  });
  const died = new Promise<never>((_, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      reject(new Error(`it ended with ${signal ?? code}: ${lastLines(complaint)}`));
    });
  });
  died.catch(() => undefined);
  const lines = createInterface({ input: child.stdio[3] as Readable })[Symbol.asyncIterator]();
  const answer = async <T>(): Promise<T> => {
    const { value, done } = await Promise.race([lines.next(), died]);
    if (done) return died;
    return JSON.parse(value) as T;
  };
  const tell = (word: string): void => {
    child.stdin?.write(`${word}\n`);
  };
  const { check, figures } = await answer<Pick<Prepared, 'check' | 'figures'>>().catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  return {
    check,
    figures,
    run: () => {
      tell('run');
      return answer<Timing>();
    },
    end: async () => {
      tell('end');
      const { peakBytes } = await answer<{ peakBytes: number }>();
      child.stdin?.end();
      await died.catch(() => undefined);
      return peakBytes;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' | ') || 'it said nothing';
}
