/** How long each step took the last time, per pipeline and profile: the ground for the time left of the next run. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunResult } from '../lib/pipeline/plan.ts';
import type { Durations } from './progress.ts';

type Table = Record<string, Record<string, number>>;

/** Seconds by step; empty for a pipeline and profile that never ran here. */
export function lastDurations(stateFolder: string, run: { pipeline: string; profile: string }): Durations {
  return readTable(stateFolder)[`${run.pipeline}/${run.profile}`] ?? {};
}

/** Keeps the times of the steps that really ran; reused steps keep their old ones. */
export function keepDurations(stateFolder: string, result: RunResult): void {
  const table = readTable(stateFolder);
  const kept = { ...table[`${result.pipeline}/${result.profile}`] };
  for (const { name, status, startedAt, endedAt } of result.steps) {
    if (status === 'done' && startedAt !== null && endedAt !== null) kept[name] = (endedAt - startedAt) / 1000;
  }
  writeFileSync(
    tablePath(stateFolder),
    JSON.stringify({ ...table, [`${result.pipeline}/${result.profile}`]: kept }, null, 2),
  );
}

function readTable(stateFolder: string): Table {
  try {
    return JSON.parse(readFileSync(tablePath(stateFolder), 'utf8')) as Table;
  } catch (error) {
    // A guess at times is not worth stopping for: a file that is missing or damaged is made anew.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return {};
    throw error;
  }
}

function tablePath(stateFolder: string): string {
  return join(stateFolder, 'durations.json');
}
