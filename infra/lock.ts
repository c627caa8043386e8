/**
 * A lock file that names its holder. It is created whole (written aside, then hard-linked), so a reader never sees half of it,
 * and one whose holder is dead (no such pid, or a pid used again) is taken over.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AlreadyRunning } from '../lib/errors.ts';
import { processStart } from './processes.ts';

export interface Holder {
  pid: number;
  /** As `processStart` gives it: tells a reused pid apart. */
  processStart: string;
  /** ISO 8601. */
  since: string;
  /** What it is doing, for the one who is kept waiting. */
  doing: string;
}

export interface Lock {
  readonly holder: Holder;
  /** Removes the lock file if it is still this process's. */
  readonly release: () => void;
}

/** Takes the lock at `path`, or throws AlreadyRunning, which names the live holder. Nothing else is touched. */
export function acquireLock(path: string, doing: string): Lock {
  const holder: Holder = {
    pid: process.pid,
    processStart: processStart(process.pid) ?? '',
    since: new Date().toISOString(),
    doing,
  };
  mkdirSync(dirname(path), { recursive: true });
  const text = JSON.stringify(holder);
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, text);
  try {
    while (!tryLink(aside, path)) {
      const other = readHolder(path);
      if (other.holder !== null && isAlive(other.holder)) throw new AlreadyRunning(path, other.holder);
      removeStale(path, other.text);
    }
  } finally {
    rmSync(aside, { force: true });
  }
  return { holder, release: () => void (readHolder(path).text === text && rmSync(path, { force: true })) };
}

/** Who holds the lock at `path` and is alive, or null. */
export function lockHolder(path: string): Holder | null {
  const { holder } = readHolder(path);
  return holder !== null && isAlive(holder) ? holder : null;
}

function isAlive(holder: Holder): boolean {
  return processStart(holder.pid) === holder.processStart;
}

function tryLink(aside: string, path: string): boolean {
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(path: string): { text: string; holder: Holder | null } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { text: '', holder: null };
    throw error;
  }
  try {
    return { text, holder: JSON.parse(text) as Holder };
  } catch {
    return { text, holder: null };
  }
}

/** Moves a dead holder's lock away; puts it back when, meanwhile, it has become somebody else's. */
function removeStale(path: string, staleText: string): void {
  const away = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, away);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(away, 'utf8') !== staleText) tryLink(away, path);
  rmSync(away, { force: true });
}
