/** `newshound run`: servers, workers, the pipeline, and what came out of it. */
import { loadConfig, createPlan } from '../lib/pipeline/config.ts';
import { stateFolder } from '../infra/environment.ts';
import { spoken } from '../infra/say.ts';
import type { Display } from './display.ts';
import { keepDurations, lastDurations } from './durations.ts';
import { followRun, startRun } from './follow.ts';
import { workerNames } from '../workers/supervisor.ts';
import { withWork } from './work.ts';

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
  const state = stateFolder(process.env);
  display.line(
    `newshound: pipeline ${plan.pipeline}, profile ${plan.profile}, seed ${plan.seed}; state is kept in ${state}`,
  );
  const doing = `running pipeline ${plan.pipeline}`;
  await withWork({ doing, say: display, workers: options.workers ? workerNames : [], join: 'up' }, async (work) => {
    const id = await startRun(work.client, plan, display);
    const lastTime = lastDurations(state, plan);
    const result = await followRun(work.client, id, (progress) => display.show(progress, lastTime), work.stopped);
    display.end();
    keepDurations(state, result);
    const memory = work.memory === null ? '' : `; all processes together took ${work.memory.peakMb()} MB at most`;
    display.line(`\nDone in ${spoken(result.seconds)}${memory}`);
  });
}
