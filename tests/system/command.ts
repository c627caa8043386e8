/** newshound as a user runs it: a process of its own, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRunning } from '../../infra/running.ts';

const root = join(import.meta.dirname, '../..');

export interface Home {
  state: string;
  out: string;
}

/** Empty state and output folders. */
export function newHome(): Home {
  const folder = mkdtempSync(join(tmpdir(), 'newshound-home-'));
  return { state: join(folder, 'state'), out: join(folder, 'out') };
}

export interface Command {
  readonly process: ChildProcess;
  /** What it has printed so far, both streams. */
  output(): string;
  /** Resolves to the exit code when it has ended. */
  readonly ended: Promise<number | null>;
}

/** Starts `newshound ...args`. Servers are its own, not those of the other system tests. */
export function newshound(home: Home, args: readonly string[], env: Readonly<Record<string, string>> = {}): Command {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(NEWSHOUND_|AWS_|OPENAI_)/.test(name));
  const child = spawn(process.execPath, [join(root, 'cli/newshound.ts'), ...args], {
    cwd: root,
    env: {
      ...Object.fromEntries(inherited),
      NEWSHOUND_STATE: home.state,
      NEWSHOUND_OUT: home.out,
      NO_COLOR: '1',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  return {
    process: child,
    output: () => output,
    ended: once(child, 'close').then(([code]) => code as number | null),
  };
}

/** out/summary.json of the last run. */
export function summaryOf(home: Home): Summary {
  return JSON.parse(readFileSync(join(home.out, 'summary.json'), 'utf8')) as Summary;
}

export interface Summary {
  digests: { teacher: string; student: string };
  stages: { name: string; status: string; seconds: number; cached: boolean }[];
  ranking: Record<string, Record<string, { mean: number; low: number; high: number }>>;
  rewards: Record<string, Record<string, number>>;
  experiment: { outcome: string; metrics: object; srm_p: number } | null;
  [key: string]: unknown;
}

/** Pids of the processes that newshound keeps running, by name, and of the compute process below the tensor worker. */
export function pidsOf(home: Home): Record<string, number> {
  const processes = Object.fromEntries((readRunning(home.state)?.processes ?? []).map(({ name, pid }) => [name, pid]));
  const compute = childOf(processes['tensor worker']);
  return compute === null ? processes : { ...processes, 'compute process': compute };
}

function childOf(pid: number | undefined): number | null {
  if (pid === undefined) return null;
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/);
    return child ? Number(child) : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
