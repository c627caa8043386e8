/** The local supervisor: starts the workers, keeps them running, and watches what everything together takes of memory. */
import { join } from 'node:path';
import type { ServerStartFailed } from '../lib/errors.ts';
import { type KeptAlive, keepAlive } from '../infra/keep-alive.ts';
import { type Guard, launch, residentMemory } from '../infra/processes.ts';
import type { Say } from '../infra/say.ts';

export const workerNames = ['control', 'cpu', 'tensor'] as const;
export type WorkerName = (typeof workerNames)[number];

export interface WorkersOptions {
  names: readonly WorkerName[];
  stateFolder: string;
  /** The servers' addresses and credentials, and whatever else the workers read (docs/operations.md). */
  env: Readonly<Record<string, string>>;
  guard: Guard;
  say: Say;
  /** Called when a worker's pid changes. */
  onChange?: () => void;
}

export interface Workers {
  readonly processes: readonly KeptAlive[];
  /** Resolves when a worker cannot be kept running. */
  readonly gaveUp: Promise<ServerStartFailed>;
  stop(): Promise<void>;
}

/** Starts `workers/NAME.ts` for each name, in parallel. Their output goes to STATE/logs/NAME.log. */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const processes = await Promise.all(options.names.map((name) => startWorker(name, options)));
  return {
    processes,
    // With no workers this never resolves.
    gaveUp: Promise.race(processes.map((worker) => worker.gaveUp)),
    // Workers finish or hand back what they hold; what is cut off after the grace is repeated by the next run.
    stop: async () => void (await Promise.all(processes.map((worker) => worker.stop(8_000)))),
  };
}

export function workerLog(stateFolder: string, name: string): string {
  return join(stateFolder, 'logs', `${name}.log`);
}

export interface MemoryWatch {
  /** Largest sum of resident memory of all processes at one moment, MB (2^20). 0 where it cannot be read (no /proc). */
  peakMb(): number;
  stop(): void;
}

/** Samples, once a second, the resident memory of this process and of the process groups that `groups` names, together. */
export function watchMemory(groups: () => readonly number[]): MemoryWatch {
  let peakBytes = 0;
  const sample = () => {
    let total = 0;
    for (const bytes of residentMemory(new Set([process.pid, ...groups()])).values()) total += bytes;
    peakBytes = Math.max(peakBytes, total);
  };
  sample();
  const timer = setInterval(sample, 1000);
  timer.unref();
  return { peakMb: () => Math.round(peakBytes / 2 ** 20), stop: () => clearInterval(timer) };
}

async function startWorker(name: WorkerName, options: WorkersOptions): Promise<KeptAlive> {
  const logFile = workerLog(options.stateFolder, name);
  const start = () =>
    launch(
      { name, command: process.execPath, args: [join(import.meta.dirname, `${name}.ts`)], env: options.env, logFile },
      options.guard,
    );
  return await keepAlive(
    { name: `${name} worker`, logFile, start },
    options.say,
    options.onChange ?? (() => undefined),
  );
}
