/** What a finished run says of itself: out/report/index.html, out/summary.json, and the table on the terminal. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogRow } from '../lib/data/rows.ts';
import { schemas } from '../lib/data/tables.ts';
import type { RunResult } from '../lib/pipeline/plan.ts';
import type { SourceSettings } from '../lib/pipeline/stage-settings.ts';
import type { Json } from '../lib/pipeline/stages.ts';
import type { ReportData } from '../lib/report/data.ts';
import { renderPage } from '../lib/report/page.ts';
import { summarise } from '../lib/report/summary.ts';
import { rowsOf } from '../lib/store/arrow.ts';
import type { Artifacts } from '../lib/store/artifacts.ts';

/** What the run itself cannot know. */
export interface Measured {
  peakRssMb: number;
  /** Share of the wall time that Temporal and the store took. */
  orchestrationShare: number;
}

/** Reads what the run's steps stored. Outputs that the run did not make are null or empty. */
export async function collectReport(artifacts: Artifacts, result: RunResult, measured: Measured): Promise<ReportData> {
  const json = async <T>(output: string, file: string): Promise<T | null> => {
    const ref = result.outputs[output];
    return ref === undefined ? null : (JSON.parse(Buffer.from(await artifacts.read(ref, file)).toString('utf8')) as T);
  };
  const log = async (output: string): Promise<LogRow[]> => {
    const ref = result.outputs[output];
    return ref === undefined ? [] : rowsOf<LogRow>(schemas.log, await artifacts.read(ref, 'log.arrow'));
  };
  const facts: Record<string, Record<string, Json>> = {};
  for (const step of result.steps) facts[step.uses] = step.facts;
  return {
    run: result.run,
    pipeline: result.pipeline,
    profile: result.profile,
    seed: result.seed,
    source: sourceName(result.source),
    stages: result.steps.map(({ name, status, startedAt, endedAt, headline }) => ({
      name,
      status,
      seconds: startedAt === null || endedAt === null ? 0 : (endedAt - startedAt) / 1000,
      cached: status === 'cached',
      headline,
    })),
    digests: { teacher: result.outputs['teacher']?.digest ?? null, student: result.outputs['student']?.digest ?? null },
    facts,
    evaluation: await json('evaluation', 'evaluation.json'),
    sweep: await json('sweep', 'sweep.json'),
    experiment: await json('experiment', 'experiment.json'),
    teacherLog: await log('teacherLog'),
    studentLog: await log('studentLog'),
    peakRssMb: measured.peakRssMb,
    orchestrationShare: measured.orchestrationShare,
    seconds: result.seconds,
  };
}

/** Writes the page and the summary; returns their paths. */
export async function writeReport(data: ReportData, folder: string): Promise<{ page: string; summary: string }> {
  const page = join(folder, 'report', 'index.html');
  const summary = join(folder, 'summary.json');
  mkdirSync(join(folder, 'report'), { recursive: true });
  writeFileSync(page, await renderPage(data));
  writeFileSync(summary, `${JSON.stringify(summarise(data), null, 2)}\n`);
  return { page, summary };
}

function sourceName({ kind, path, worldSeed }: SourceSettings): string {
  return kind === 'world' ? `world, seed ${worldSeed}` : `${kind}, ${path}`;
}
