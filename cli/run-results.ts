/** What is kept of a run that has ended: the report, the summary, the published files. */
import { outFolder, stateFolder } from '../infra/environment.ts';
import type { RunResult } from '../lib/pipeline/plan.ts';
import type { ReportData } from '../lib/report/data.ts';
import { storageSeconds } from '../workers/storage-clock.ts';
import { orchestrationSeconds } from './overhead.ts';
import { copyPublished } from './published.ts';
import { collectReport, writeReport } from './report.ts';
import { openArtifacts } from './store.ts';
import type { Work } from './work.ts';

export interface Kept {
  data: ReportData;
  files: { page: string; summary: string };
  hasPublished: boolean;
}

/** Writes them to the output folder. `storageBefore`: the processes' seconds of waiting for the store when the run began. */
export async function keepResults(
  { client, env, memory }: Pick<Work, 'client' | 'env' | 'memory'>,
  id: string,
  result: RunResult,
  storageBefore: number,
): Promise<Kept> {
  const storage = storageSeconds(stateFolder(process.env)) - storageBefore;
  const overhead = (await orchestrationSeconds(client, id)) + storage;
  const artifacts = openArtifacts(env);
  const data = await collectReport(artifacts, result, {
    peakRssMb: memory?.peakMb() ?? 0,
    orchestrationShare: Math.min(1, overhead / result.seconds),
  });
  const out = outFolder(process.env);
  return { data, files: await writeReport(data, out), hasPublished: await copyPublished(artifacts, result, out) };
}
