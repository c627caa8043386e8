/** sweep: what a larger model brings, and what choosing among more lists brings; on dev readers. */
import type { PerReaderRow } from '../lib/data/rows.ts';
import { drawResamples, type Interval, meanInterval, type Resamples } from '../lib/method/bootstrap.ts';
import { fitPowerLaw, fitSaturation } from '../lib/method/scaling.ts';
import type { RankingMetrics } from '../lib/method/metrics.ts';
import type { StageOutput } from '../lib/pipeline/stages.ts';
import { countParameters } from '../lib/tensor/parameters.ts';
import type { Sweep } from '../lib/training/results.ts';
import type { ArmResult, SweepActivities } from '../workflows/activities.ts';
import { ascending, bestOfRows, measuredRow } from './best-of.ts';
import type { Deps } from './deps.ts';
import { madeBy } from './made-by.ts';
import { createMeasurer } from './measurer.ts';
import { namedModel, saveModel } from './models.ts';
import { createResources } from './resources.ts';
import { readRows, writeRows } from './tables.ts';
import { warmStart } from './warmstart.ts';

const BOOTSTRAPS = 1000;

export function createSweepActivities(deps: Deps): SweepActivities {
  const { artifacts, threads } = deps;
  const resources = createResources(artifacts);
  return {
    async warmArm({ input, model: name }) {
      const model = namedModel(name, deps.modelsFolder, input.settings.teacher.rollout);
      await warmStart(
        model,
        name,
        input.settings.sweep.warmSteps,
        {
          input,
          dataset: await resources.dataset(input.inputs.cleaned),
          embedder: await resources.embedder(input.inputs.encoder),
          threads,
        },
        (fraction, loss) => deps.progress(fraction, `warm start of ${name}: loss ${loss.toFixed(2)} nats a token`),
      );
      return { start: await saveModel(artifacts, model, madeBy(input)), parameters: countParameters(model.parameters) };
    },

    async measureArm({ input, model: name, policy, parameters, seconds }): Promise<ArmResult> {
      const measurer = await createMeasurer(
        input,
        { split: 'dev', limit: input.settings.sweep.readers },
        resources,
        deps,
      );
      const lists = await measurer.write(await resources.model(policy), {
        samples: 1,
        stream: 'sweep',
        progress: (fraction) => deps.progress(0.9 * fraction, `lists of ${name} for dev readers`),
      });
      const metrics = measurer.judge(await measurer.recall(lists.map(([list]) => list.queries)));
      const rewards = await measurer.rewards(lists, (fraction) =>
        deps.progress(0.9 + 0.1 * fraction, `rewards of ${name}`),
      );
      const rows = measurer.readers.map((reader, i) =>
        measuredRow(reader.readerId, name, metrics[i], rewards[i][0].total),
      );
      return {
        model: name,
        policy,
        parameters,
        seconds,
        recall10: metrics.reduce((sum, reader) => sum + reader['recall@10'], 0) / metrics.length,
        measured: await writeRows(artifacts, 'measured', rows, madeBy(input, { policy })),
      };
    },

    async bestOf({ input }) {
      const { sweep } = input.settings;
      const counts = ascending(sweep.bestOf);
      const measurer = await createMeasurer(input, { split: 'dev', limit: sweep.readers }, resources, deps);
      const rows = await bestOfRows(measurer, await resources.model(input.inputs.teacher), {
        counts,
        stream: 'best of',
        progress: (fraction) => deps.progress(0.8 * fraction, 'lists of the teacher to choose from'),
      });
      const recall = counts.map((count) => meanOf(rows, String(count)).toFixed(3));
      return {
        measured: await writeRows(artifacts, 'measured', rows, madeBy(input)),
        headline: `best of ${counts.join(', ')} lists: recall@10 ${recall.join(', ')}`,
      };
    },

    async finishSweep({ input, arms, notRun, bestOf }): Promise<StageOutput> {
      const best = await readRows(artifacts, 'measured', [bestOf]);
      const counts = [...new Set(best.map(({ method }) => method))];
      const readers = best.length / counts.length;
      const resamples = drawResamples(readers, BOOTSTRAPS, input.seed);
      const armRows = await Promise.all(arms.map(({ measured }) => readRows(artifacts, 'measured', [measured])));
      const sweep: Sweep = {
        readers,
        capacity: arms.map(({ model, parameters, seconds }, i) => ({
          model,
          parameters,
          seconds,
          ...figures(armRows[i], resamples),
        })),
        bestOf: counts.map((count) => ({ n: Number(count), ...figures(ofMethod(best, count), resamples) })),
        fits: [
          ...capacityFit(arms, armRows, resamples),
          ...bestOfFit(
            counts.map((count) => ({ x: Number(count), values: column(ofMethod(best, count), 'recall@10') })),
            resamples,
          ),
        ],
        notRun,
      };
      const made = madeBy(input, {
        bestOf,
        ...Object.fromEntries(arms.map(({ model, policy }) => [`policy ${model}`, policy])),
      });
      const files = { 'sweep.json': Buffer.from(JSON.stringify(sweep, null, 1)) };
      return {
        outputs: { sweep: await artifacts.put('sweep', files, made) },
        facts: {
          sizes: arms.length,
          not_run: notRun.length,
          ...Object.fromEntries(sweep.capacity.map(({ model, recall10 }) => [`recall10_${model}`, recall10.mean])),
          ...Object.fromEntries(sweep.bestOf.map(({ n, recall10 }) => [`recall10_best_of_${n}`, recall10.mean])),
        },
        headline: headline(sweep),
      };
    },
  };
}

/** Recall against parameters in log-log, where at least three sizes were measured and each recalls anything. */
function capacityFit(arms: readonly ArmResult[], rows: readonly PerReaderRow[][], resamples: Resamples): Sweep['fits'] {
  const points = arms.map(({ parameters }, i) => ({ x: parameters, values: column(rows[i], 'recall@10') }));
  if (points.length < 3 || arms.some(({ recall10 }) => recall10 <= 0)) return [];
  const { formula, exponent } = fitPowerLaw(points, resamples);
  return [{ what: 'Recall@10 with parameters', formula, exponent }];
}

function bestOfFit(points: Parameters<typeof fitSaturation>[0], resamples: Resamples): Sweep['fits'] {
  if (points.length < 3) return [];
  const { formula, rate } = fitSaturation(points, resamples);
  return [{ what: 'Recall@10 with N', formula, exponent: rate }];
}

function figures(
  rows: readonly PerReaderRow[],
  resamples: Resamples,
): { recall10: Interval; ndcg10: Interval; reward: number } {
  const rewards = rows.map(({ reward }) => reward).filter((reward) => reward !== null);
  return {
    recall10: meanInterval(column(rows, 'recall@10'), resamples),
    ndcg10: meanInterval(column(rows, 'ndcg@10'), resamples),
    reward: rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length,
  };
}

function column(rows: readonly PerReaderRow[], metric: keyof RankingMetrics): number[] {
  return rows.map((of) => of[metric]);
}

function ofMethod(rows: readonly PerReaderRow[], method: string): PerReaderRow[] {
  return rows.filter((of) => of.method === method);
}

function meanOf(rows: readonly PerReaderRow[], method: string): number {
  const values = column(ofMethod(rows, method), 'recall@10');
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function headline({ capacity, bestOf, notRun }: Sweep): string {
  const sizes = capacity.map(({ model, recall10 }) => `${model} ${recall10.mean.toFixed(3)}`).join(', ');
  const [one, most] = [bestOf[0], bestOf[bestOf.length - 1]];
  return `recall@10 by size: ${sizes || 'none measured'}; best of ${one.n} → ${most.n}: ${one.recall10.mean.toFixed(3)} → ${most.recall10.mean.toFixed(3)}${notRun.length > 0 ? `; not run: ${notRun.map(({ model }) => model).join(', ')}` : ''}`;
}
