/** `newshound run`: servers, workers, the pipeline, and what came out of it. */
import { loadConfig, createPlan } from '../lib/pipeline/config.ts';
import { outFolder, stateFolder } from '../infra/environment.ts';
import { storageSeconds } from '../workers/storage-clock.ts';
import { resultLines } from './results.ts';
import { keepResults } from './run-results.ts';
import { spoken } from '../infra/say.ts';
import type { Display } from './display.ts';
import { keepDurations, lastDurations } from './durations.ts';
import { followRun, startRun } from './follow.ts';
import { timeSpent } from '../lib/report/text.ts';
import { workerNames } from '../workers/supervisor.ts';
import { checkQueues, withWork } from './work.ts';

export interface RunOptions {
  config: string;
  profile: string | null;
  set: readonly string[];
  /** Start no workers: others, elsewhere, do the work. */
  workers: boolean;
}

/** Runs one pipeline to its end. Throws ConfigError before anything starts; AlreadyRunning; RunFailed. */
export async function run(pipeline: string, options: RunOptions, display: Display): Promise<void> {
  const plan = createPlan(loadConfig(options.config), { pipeline, profile: options.profile, set: options.set });
  const workers = options.workers ? workerNames : [];
  checkQueues(plan, workers);
  const state = stateFolder(process.env);
  display.line(
    `newshound: pipeline ${plan.pipeline}, profile ${plan.profile}, seed ${plan.seed}; state is kept in ${state}`,
  );
  const doing = `running pipeline ${plan.pipeline}`;
  await withWork({ doing, say: display, workers, join: 'up' }, async (work) => {
    const storageBefore = storageSeconds(state);
    const id = await startRun(work.client, plan, display);
    const lastTime = lastDurations(state, plan);
    const result = await followRun(work.client, id, (progress) => display.show(progress, lastTime), work.stopped);
    display.end();
    keepDurations(state, result);

    const { data, files, hasPublished } = await keepResults(work, id, result, storageBefore);
    for (const line of ['', ...resultLines(data), '']) display.line(line);
    const memory = data.peakRssMb === 0 ? '' : `, ${data.peakRssMb} MB at most for all processes together`;
    display.line(`Done in ${spoken(result.seconds)}${memory}; ${timeSpent(data)}`);
    display.line(`Report: ${files.page}`);
    display.line(`Figures: ${files.summary}`);
    if (hasPublished) display.line(`Queries and student: ${outFolder(process.env)}`);
    if (work.uiUrl !== null) display.line(`History: ${work.uiUrl} while newshound runs (newshound up)`);
  });
}
