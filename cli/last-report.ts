/** `newshound report`: what the last run in this folder found, from its summary. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../lib/errors.ts';
import type { Interval } from '../lib/method/bootstrap.ts';
import { methodNames } from '../lib/report/results.ts';
import { experimentLine, written } from '../lib/report/text.ts';
import type { Experiment } from '../lib/training/results.ts';
import { spoken } from '../infra/say.ts';
import { formatTable } from './table.ts';

interface Summary {
  pipeline: string;
  profile: string;
  seed: number;
  source: string;
  seconds: number;
  ranking: Record<string, Record<string, Interval>> | null;
  experiment: Pick<Experiment, 'outcome' | 'simulation' | 'reasons'> | null;
}

/** The text to print. `folder` is the output folder. Throws ConfigError when no run has ended here. */
export function lastReport(folder: string): string {
  const path = join(folder, 'summary.json');
  let summary: Summary;
  try {
    summary = JSON.parse(readFileSync(path, 'utf8')) as Summary;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new ConfigError(`there is no ${path}: no run has ended here. Start one (npm start)`, { cause: error });
  }
  const { ranking, experiment } = summary;
  const heading = `pipeline ${summary.pipeline}, profile ${summary.profile}, seed ${summary.seed}, ${summary.source}: ${spoken(summary.seconds)}`;
  const right = (title: string) => ({ title, align: 'right' as const });
  const rows = Object.entries(ranking ?? {}).map(([name, metrics]) => [
    methodNames[name]?.title ?? name,
    ...['recall@10', 'ndcg@10', 'mrr'].map((metric) => written(metrics[metric] as Interval)),
  ]);
  const table = formatTable(
    [{ title: 'method', align: 'left' }, right('Recall@10'), right('NDCG@10'), right('MRR')],
    rows,
  );
  return [
    heading,
    ...(rows.length === 0 ? [] : ['', table, '']),
    ...(experiment === null ? [] : [`A/B test: ${experimentLine(experiment)}`]),
    `Report: ${join(folder, 'report', 'index.html')}`,
  ].join('\n');
}
