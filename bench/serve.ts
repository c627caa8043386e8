/**
 * The contender's side of the conversation in contender.ts: `node X.ts FOLDER` prepares, says what it found on file descriptor 3, and
 * then does one run for each line "run" on standard input. bench/peers/contender.py is the same in Python.
 */
import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Job } from './workload.ts';

/** What one run took: `milliseconds` is compared; other entries, milliseconds too, are told beside it. */
export type Timing = { milliseconds: number } & Readonly<Record<string, number>>;

export interface Prepared {
  /** Numbers that must be those of the other contenders: proof that all do the same work. */
  check: Readonly<Record<string, readonly number[]>>;
  /** Milliseconds of a run that go to one thing, measured apart while preparing. */
  figures?: Readonly<Record<string, number>>;
  run(): Promise<Timing>;
}

export async function serve(prepare: (folder: string, job: Job) => Promise<Prepared>): Promise<void> {
  const folder = process.argv[2] ?? '.';
  const say = (message: object): void => {
    writeSync(3, `${JSON.stringify(message)}\n`);
  };
  const { check, figures, run } = await prepare(
    folder,
    JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8')) as Job,
  );
  say({ check, figures });
  for await (const line of createInterface({ input: process.stdin })) {
    if (line !== 'run') break;
    say(await run());
  }
  say({ peakBytes: peakBytes() });
}

/** Of this process alone: on Linux ru_maxrss begins with what the parent had when it forked. */
function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  if (found === null) throw new Error('/proc/self/status has no VmHWM');
  return Number(found[1]) * 1024;
}
