/** What runs for a state folder, written down for other commands (`status`, `recommend`) and for the next start. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processStart, signalGroup } from './processes.ts';
import type { Say } from './say.ts';

export interface RunningProcess {
  name: string;
  pid: number;
  /** As `processStart` gives it. */
  processStart: string;
}

export interface Running {
  /** Pid of the newshound process that started all this. */
  pid: number;
  since: string;
  /** What its workers and clients have in their environment; no secrets. */
  env: Record<string, string>;
  uiUrl: string | null;
  processes: RunningProcess[];
}

export function writeRunning(stateFolder: string, running: Running): void {
  const path = runningPath(stateFolder);
  writeFileSync(`${path}.new`, JSON.stringify(running, null, 2));
  renameSync(`${path}.new`, path);
}

export function readRunning(stateFolder: string): Running | null {
  try {
    return JSON.parse(readFileSync(runningPath(stateFolder), 'utf8')) as Running;
  } catch (error) {
    // Emptied by a power cut: nothing of it runs any more.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

export function forgetRunning(stateFolder: string): void {
  rmSync(runningPath(stateFolder), { force: true });
}

/** Ends processes that an earlier, killed newshound left in this state folder. Call only with the state folder's lock held. */
export function endLeftovers(stateFolder: string, say: Say): void {
  for (const { name, pid, processStart: started } of readRunning(stateFolder)?.processes ?? []) {
    if (processStart(pid) !== started) continue;
    say.line(`Ending ${name} (pid ${pid}), left over from an earlier run that was killed`);
    signalGroup(pid, 'SIGKILL');
  }
  forgetRunning(stateFolder);
}

function runningPath(stateFolder: string): string {
  return join(stateFolder, 'running.json');
}
