/** `newshound paper`: measures the paper's claims again, and writes the page about them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outFolder, stateFolder } from '../infra/environment.ts';
import { spoken } from '../infra/say.ts';
import { ConfigError } from '../lib/errors.ts';
import { loadConfig } from '../lib/pipeline/config.ts';
import type { PaperPlan } from '../lib/pipeline/paper.ts';
import { createPaperPlan, expectedSeconds } from '../lib/pipeline/paper-plan.ts';
import type { PaperFigures } from '../lib/report/paper/figures.ts';
import { renderPaperPage } from '../lib/report/paper/page.ts';
import { paperPlots } from '../lib/report/paper/plots.ts';
import type { Ref } from '../lib/store/ref.ts';
import { baseModels } from '../lib/training/base-models.ts';
import { workerNames } from '../workers/supervisor.ts';
import type { Display } from './display.ts';
import { keepDurations, lastDurations } from './durations.ts';
import { followRun, startRun } from './follow.ts';
import { openArtifacts } from './store.ts';
import { formatTable } from './table.ts';
import { checkQueues, withWork } from './work.ts';

export interface PaperOptions {
  config: string;
  profile: string | null;
  set: readonly string[];
  /** Of work; null: as the settings say. */
  hours: number | null;
  /** Folder of the page; null: docs for the pipeline's own profile with nothing set, else the output folder. */
  to: string | null;
  workers: boolean;
}

/** Runs every arm to its end and writes paper.md. Throws ConfigError before anything starts; AlreadyRunning; RunFailed. */
export async function paper(options: PaperOptions, display: Display): Promise<void> {
  const hours = options.hours === null ? [] : [`paper.hours=${options.hours}`];
  const plan = createPaperPlan(loadConfig(options.config), {
    profile: options.profile,
    set: [...options.set, ...hours],
  });
  const taught = plan.lanes.find(({ world }) => world !== null && baseModels.worlds.includes(world));
  if (taught !== undefined)
    throw new ConfigError(
      `paper.worlds: base models were trained on world ${taught.world}, what is measured there confirms nothing. Take other worlds`,
    );
  for (const arm of plan.arms) checkQueues(arm.plan, options.workers ? workerNames : []);
  const isOwn = options.profile === null && options.set.length === 0 && options.hours === null;
  const state = stateFolder(process.env);
  const folder = options.to ?? (isOwn ? 'docs' : outFolder(process.env));
  display.line(`newshound: pipeline paper, profile ${plan.profile}; state is kept in ${state}`);
  for (const line of planLines(plan)) display.line(line);
  const doing = 'running pipeline paper';
  await withWork({ doing, say: display, workers: options.workers ? workerNames : [], join: 'up' }, async (work) => {
    const id = await startRun(work.client, plan, display);
    const lastTime = lastDurations(state, plan);
    const result = await followRun(work.client, id, (progress) => display.show(progress, lastTime), work.stopped);
    display.end();
    keepDurations(state, result);

    const ref = result.outputs['paper'] as Ref<'paper'>;
    const bytes = await openArtifacts(work.env).read(ref, 'figures.json');
    const figures = JSON.parse(Buffer.from(bytes).toString('utf8')) as PaperFigures;
    const page = await writePage(figures, bytes, folder);
    for (const line of ['', ...verdictLines(figures), '']) display.line(line);
    const reused = result.steps.filter(({ status }) => status === 'cached').length;
    display.line(
      `Done in ${spoken(result.seconds)}; ${reused} of ${result.steps.length - 1} arms were reused; results ${figures.digest}`,
    );
    display.line(`Page: ${page}`);
  });
}

/** Writes paper.md, paper/*.svg and paper/figures.json; the path of the page. */
async function writePage(figures: PaperFigures, json: Uint8Array, folder: string): Promise<string> {
  const plots = await paperPlots(figures);
  mkdirSync(join(folder, 'paper'), { recursive: true });
  for (const { file, svg } of plots) writeFileSync(join(folder, 'paper', file), svg);
  writeFileSync(join(folder, 'paper', 'figures.json'), json);
  const page = join(folder, 'paper.md');
  writeFileSync(page, renderPaperPage(figures, plots, 'paper'));
  return page;
}

function planLines({ lanes, arms, shrunk, impossible, settings }: PaperPlan): string[] {
  const optional = arms.filter((arm) => arm.optional).length;
  return [
    `${arms.length} arms (${optional} optional) in ${lanes.length} lanes of world and seed; expected ${spoken(expectedSeconds({ lanes, arms }))} of work on two cores, ${settings.hours} hours are allowed`,
    ...shrunk.map((what) => `To keep the hours: ${what}`),
    ...impossible.map((arm) => `This source cannot be asked: arm ${arm}`),
  ];
}

function verdictLines({ results: { claims } }: PaperFigures): string[] {
  const left = (title: string) => ({ title, align: 'left' as const });
  return [
    formatTable(
      [left('claim'), left('the paper'), left('verdict')],
      claims.map(({ words, paper: figure, verdict }) => [words, figure, verdict]),
    ),
  ];
}
