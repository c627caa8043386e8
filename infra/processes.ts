/** Child processes in process groups of their own: started with a log file, watched, and ended by pid, never by name. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface LaunchSpec {
  name: string;
  command: string;
  args: readonly string[];
  /** Merged over this process's environment. */
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** Standard output and error are appended here. */
  logFile: string;
}

export interface Exit {
  code: number | null;
  signal: string | null;
}

/** A running child: the leader of its own process group. */
export interface Launched {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the leader is gone. */
  readonly exited: Promise<Exit>;
  /** Ends the whole group: SIGTERM, then SIGKILL after `graceMs`. Resolves when the leader is gone. */
  stop(graceMs?: number): Promise<void>;
}

/** Ends registered groups should this process die without doing so (`infra/guard.sh`). */
export interface Guard {
  add(pid: number): void;
  remove(pid: number): void;
  /** The guard's own pid. */
  readonly pid: number;
  close(): void;
}

export function startGuard(): Guard {
  const script = join(import.meta.dirname, 'guard.sh');
  const child = spawn('/bin/sh', [script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const input = child.stdin;
  // A guard that somebody killed cannot be told anything: writes to it are dropped, the processes are still stopped by their owner.
  input.on('error', () => undefined);
  child.unref();
  return {
    pid: child.pid ?? 0,
    add: (pid) => void input.write(`add ${pid}\n`),
    remove: (pid) => void input.write(`remove ${pid}\n`),
    close: () => void input.end(),
  };
}

/** Starts `spec` in a new process group. Rejects when the command cannot be started at all (not found, not executable). */
export async function launch(spec: LaunchSpec, guard: Guard): Promise<Launched> {
  const log = openLog(spec.logFile);
  let child: ChildProcess;
  try {
    child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: { ...process.env, ...spec.env },
      detached: true,
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
  const exited = new Promise<Exit>((settle) => child.once('exit', (code, signal) => settle({ code, signal })));
  await new Promise<void>((started, failed) => {
    child.once('spawn', () => started());
    child.once('error', failed);
  });
  const pid = child.pid as number;
  guard.add(pid);
  void exited.then(() => {
    // Whatever the leader left behind in its group ends with it.
    signalGroup(pid, 'SIGKILL');
    guard.remove(pid);
  });
  return { name: spec.name, pid, exited, stop: (graceMs = 10_000) => stopGroup(pid, exited, graceMs) };
}

/** Sends a signal to a process group; false when there is no such group. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return false;
    throw error;
  }
}

/**
 * When the process with this pid started, as the kernel counts (so that a reused pid is told apart), or null when there is none.
 * Where there is no /proc, as ps gives it.
 */
export function processStart(pid: number): string | null {
  if (process.platform === 'linux') {
    const fields = statFields(pid);
    return fields === null || fields[0] === 'Z' ? null : (fields[19] as string);
  }
  const { status, stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** Resident memory, in bytes, of every process of the given process groups together, by group. Linux only; elsewhere empty. */
export function residentMemory(groups: ReadonlySet<number>): Map<number, number> {
  const byGroup = new Map<number, number>();
  if (process.platform !== 'linux') return byGroup;
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const group = pid === process.pid ? pid : Number(statFields(pid)?.[2]);
    if (!groups.has(group)) continue;
    byGroup.set(group, (byGroup.get(group) ?? 0) + residentBytes(pid));
  }
  return byGroup;
}

/** The last `count` lines of a log, for an error message. */
export function logTail(path: string, count = 12): string {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

const logLimitBytes = 20 * 2 ** 20;

/** Fields of /proc/PID/stat from the state on (0: state, 2: process group, 19: start time), or null when there is no such process. */
function statFields(pid: number): string[] | null {
  const text = readProcess(pid, 'stat');
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readProcess(pid, 'status') ?? '')?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

function readProcess(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // Other users' processes may be hidden (hidepid).
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EPERM' || code === 'EACCES') return null;
    throw error;
  }
}

function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logLimitBytes) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

async function stopGroup(pid: number, exited: Promise<Exit>, graceMs: number): Promise<void> {
  signalGroup(pid, 'SIGTERM');
  const timeout = new AbortController();
  const gone = await Promise.race([
    exited.then(() => true),
    delay(graceMs, false, { signal: timeout.signal }).catch(() => true),
  ]);
  timeout.abort();
  if (!gone) signalGroup(pid, 'SIGKILL');
  await exited;
}
