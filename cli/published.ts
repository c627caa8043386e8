/** What a run published, as files in the output folder. */
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from '../lib/pipeline/plan.ts';
import type { Artifacts } from '../lib/store/artifacts.ts';

/** Copies queries.arrow, queries.parquet and student/ into `folder`, over what is there. False when the run published nothing. */
export async function copyPublished(
  artifacts: Artifacts,
  { outputs }: Pick<RunResult, 'outputs'>,
  folder: string,
): Promise<boolean> {
  const published = outputs['published'];
  if (published === undefined) return false;
  const source = await artifacts.folder(published);
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(source)) {
    await rm(join(folder, name), { recursive: true, force: true });
    await cp(join(source, name), join(folder, name), { recursive: true });
  }
  return true;
}
