/** evaluate: every method ranks the fresh articles for the same test readers; intervals, paired differences, the gate. */
import { type BaselineContext, baselines } from '../lib/baselines/simple.ts';
import { trainSasrec } from '../lib/baselines/sasrec.ts';
import type { Dataset } from '../lib/data/dataset.ts';
import type { PerReaderRow, Reader } from '../lib/data/rows.ts';
import { drawResamples, meanInterval, pairedDifference } from '../lib/method/bootstrap.ts';
import type { RankingMetrics } from '../lib/method/metrics.ts';
import type { StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import type { Ref } from '../lib/store/ref.ts';
import type { WrittenList } from '../lib/training/lists.ts';
import { measure, type PerReader } from '../lib/training/evaluation.ts';
import type { Evaluation, ExampleReader } from '../lib/training/results.ts';
import { meanScores, type Score } from '../lib/training/scoring.ts';
import { encodeTable } from '../lib/store/arrow.ts';
import { schemas } from '../lib/data/tables.ts';
import type { Deps } from './deps.ts';
import { madeBy } from './made-by.ts';
import { createMeasurer, type Measurer } from './measurer.ts';
import { createResources, type Resources } from './resources.ts';

export interface EvaluateActivities {
  evaluate(input: StageInput): Promise<StageOutput>;
}

/** Language models by method: which input each is. Sampled at the same temperature, from the same random numbers. */
const policies = {
  warmstart: 'teacherStart',
  teacher: 'teacher',
  undistilled: 'studentStart',
  supervised: 'supervised',
  student: 'student',
} as const;
type Policy = keyof typeof policies;

/** Whose rewards are compared. */
const judged = ['warmstart', 'teacher', 'student'] as const satisfies readonly Policy[];

/** Readers whose signals, queries and articles the report shows: so many cold ones, so many others. */
const EXAMPLES = { cold: 2, warm: 4 } as const;
const EXAMPLE_ARTICLES = 5;

export function createEvaluateActivities(deps: Deps): EvaluateActivities {
  const { artifacts } = deps;
  return {
    async evaluate(input) {
      const resources = createResources(artifacts);
      const dataset = await resources.dataset(input.inputs.cleaned);
      const measurer = await createMeasurer(input, { split: 'test' }, resources, deps);
      const { readers } = measurer;
      const ranked: Record<string, Int32Array[]> = await rankBaselines(input, dataset, measurer, deps);

      const lists = {} as Record<Policy, WrittenList[][]>;
      for (const [i, method] of (Object.keys(policies) as Policy[]).entries()) {
        lists[method] = await measurer.write(await resources.model(input.inputs[policies[method]]), {
          samples: 1,
          stream: 'evaluate',
          progress: (fraction) =>
            deps.progress(0.4 + (0.5 * (i + fraction)) / Object.keys(policies).length, `lists of ${method}`),
        });
        ranked[method] = await measurer.recall(queriesOf(lists[method]));
      }
      const metrics: PerReader = Object.fromEntries(
        Object.entries(ranked).map(([method, positions]) => [method, measurer.judge(positions)]),
      );

      deps.progress(0.92, 'rewards');
      const scores = {} as Record<(typeof judged)[number], Score[][]>;
      for (const method of judged) scores[method] = await measurer.rewards(lists[method]);
      const totals = (method: (typeof judged)[number]): (number | null)[] => scores[method].map(([{ total }]) => total);

      const evaluation: Evaluation = {
        readers: readers.length,
        seed: input.seed,
        ...measure(
          metrics,
          readers.map(({ cold }) => cold),
          { warmstart: totals('warmstart'), teacher: totals('teacher') },
          input.settings.evaluate,
          input.seed,
        ),
        rewards: {
          warmstart: summary(scores.warmstart),
          teacher: summary(scores.teacher),
          student: summary(scores.student),
        },
        cleaning: await effectOfCleaning(input, metrics.student, measurer, resources),
        examples: examples(readers, lists, ranked.student, measurer, dataset),
      };
      const rewardOf: Record<string, (number | null)[]> = Object.fromEntries(
        judged.map((method) => [method, totals(method)]),
      );
      const rows = Object.entries(metrics).flatMap(([method, ofReaders]) =>
        ofReaders.map(
          (figures, i): PerReaderRow => ({
            reader_id: readers[i].readerId,
            method,
            ...figures,
            reward: rewardOf[method]?.[i] ?? null,
          }),
        ),
      );
      const files = {
        'evaluation.json': Buffer.from(JSON.stringify(evaluation, null, 1)),
        'per-reader.arrow': encodeTable(schemas.measured, rows),
      };
      return outputOf(await artifacts.put('evaluation', files, madeBy(input)), evaluation);
    },
  };
}

/** Everything that needs no language model. */
async function rankBaselines(
  input: StageInput,
  dataset: Dataset,
  { readers, embedder, index }: Measurer,
  deps: Deps,
): Promise<Record<string, Int32Array[]>> {
  const context: BaselineContext = { dataset, split: 'test', embedder, index, seed: input.seed };
  const ranked: Record<string, Int32Array[]> = {};
  for (const [method, rank] of Object.entries(baselines)) {
    deps.progress(0.02, `ranking with ${method}`);
    const positions = await rank(readers, context);
    if (positions) ranked[method] = positions;
  }
  const sasrec = await trainSasrec({
    readers: dataset.readers('train'),
    index: await createResources(deps.artifacts).index(input.inputs.index, 'train'),
    embedder,
    settings: input.settings.evaluate.sasrec,
    seed: input.seed,
    threads: deps.threads,
    report: (fraction, loss) => deps.progress(0.05 + 0.3 * fraction, `training SASRec: loss ${loss.toFixed(3)}`),
  });
  ranked.sasrec = await sasrec.rank(readers, index);
  return ranked;
}

/** The student on the signals as they were, against the student on the cleaned ones. */
async function effectOfCleaning(
  input: StageInput,
  cleaned: readonly RankingMetrics[],
  measurer: Measurer,
  resources: Resources,
): Promise<Evaluation['cleaning']> {
  const raw = await resources.dataset(input.inputs.dataset);
  const byId = new Map(raw.readers('test').map((reader) => [reader.readerId, reader]));
  const signalsOf = measurer.readers.map((reader) => byId.get(reader.readerId) ?? reader);
  const lists = await measurer.write(await resources.model(input.inputs.student), {
    samples: 1,
    stream: 'evaluate',
    signalsOf,
  });
  const rawRecall = measurer.judge(await measurer.recall(queriesOf(lists))).map((reader) => reader['recall@10']);
  const cleanedRecall = cleaned.map((reader) => reader['recall@10']);
  const resamples = drawResamples(rawRecall.length, input.settings.evaluate.bootstraps, input.seed);
  return {
    cleaned: meanInterval(cleanedRecall, resamples),
    raw: meanInterval(rawRecall, resamples),
    difference: pairedDifference(cleanedRecall, rawRecall, resamples),
  };
}

/** The first readers by id: chosen before anything is known of how well they are served. */
function examples(
  readers: readonly Reader[],
  lists: Record<Policy, WrittenList[][]>,
  ranked: readonly Int32Array[],
  { index }: Measurer,
  dataset: Dataset,
): ExampleReader[] {
  const at = readers.map((_, i) => i);
  const chosen = [
    ...at.filter((i) => !readers[i].cold).slice(0, EXAMPLES.warm),
    ...at.filter((i) => readers[i].cold).slice(0, EXAMPLES.cold),
  ];
  return chosen.map((i) => ({
    readerId: readers[i].readerId,
    cold: readers[i].cold,
    signals: readers[i].signals.map(({ kind, text }) => ({ kind, text })),
    lists: Object.fromEntries(judged.map((method) => [method, lists[method][i][0].queries])),
    recalled: Array.from(ranked[i].subarray(0, EXAMPLE_ARTICLES), (position) => {
      const id = index.articleIds[position];
      return { title: dataset.articles.get(id)?.title ?? id, clicked: readers[i].clicked.includes(id) };
    }),
  }));
}

function outputOf(evaluation: Ref<'evaluation'>, { readers, ranking, gate, differences }: Evaluation): StageOutput {
  const reward = differences.find(({ metric }) => metric === 'reward')?.difference;
  const recall = (method: string): string => ranking[method]['recall@10'].mean.toFixed(3);
  return {
    outputs: { evaluation },
    facts: {
      passed: gate.passed,
      readers,
      recall10_warmstart: ranking.warmstart['recall@10'].mean,
      recall10_teacher: ranking.teacher['recall@10'].mean,
      recall10_student: ranking.student['recall@10'].mean,
      reward_gain: reward?.mean ?? null,
      reward_gain_low: reward?.low ?? null,
      reward_gain_high: reward?.high ?? null,
    },
    headline: `recall@10 of ${readers} test readers: warm start ${recall('warmstart')}, teacher ${recall('teacher')}, student ${recall('student')}; the gate is ${gate.passed ? 'passed' : 'not passed'}`,
  };
}

function queriesOf(lists: readonly WrittenList[][]): string[][] {
  return lists.map(([list]) => list.queries);
}

function summary(scores: readonly Score[][]): Evaluation['rewards']['teacher'] {
  const { missing: _, ...means } = meanScores(scores.flat());
  return means;
}
