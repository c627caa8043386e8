/** evaluate: every method ranks the fresh articles for the same test readers; intervals, paired differences, the gate. */
import { type BaselineContext, baselines, newestKeyPhrases } from '../lib/baselines/simple.ts';
import { tuneBaseline } from '../lib/baselines/tuning.ts';
import type { Dataset } from '../lib/data/dataset.ts';
import type { PerReaderRow, Reader } from '../lib/data/rows.ts';
import { schemas } from '../lib/data/tables.ts';
import { DataError, JudgeError } from '../lib/errors.ts';
import { drawResamples, meanInterval, pairedDifference } from '../lib/method/bootstrap.ts';
import { maskPersonalData } from '../lib/method/masking.ts';
import type { RankingMetrics } from '../lib/method/metrics.ts';
import type { StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import { encodeTable } from '../lib/store/arrow.ts';
import type { Ref } from '../lib/store/ref.ts';
import { measure, type PerReader } from '../lib/training/evaluation.ts';
import type { WrittenList } from '../lib/training/lists.ts';
import type { Evaluation, ExampleReader, RewardSummary } from '../lib/training/results.ts';
import { meanScores, type Score } from '../lib/training/scoring.ts';
import type { Deps } from './deps.ts';
import { madeBy } from './made-by.ts';
import { createMeasurer, type Measurer } from './measurer.ts';
import { createResources, type Resources } from './resources.ts';

export interface EvaluateActivities {
  evaluate(input: StageInput): Promise<StageOutput>;
}

/** Language models by method: which input each is. All sample at the same temperature, from the same random numbers. */
const policies = {
  warmstart: 'teacherStart',
  teacher: 'teacher',
  undistilled: 'studentStart',
  supervised: 'supervised',
  student: 'student',
} as const;
type Policy = keyof typeof policies;
const policyNames = Object.keys(policies) as Policy[];

/** Whose lists are judged and shown. */
const judged = ['warmstart', 'teacher', 'student'] as const satisfies readonly Policy[];
type Judged = (typeof judged)[number];

/** Readers whose signals, queries and articles the report shows. */
const EXAMPLES = { cold: 2, warm: 4, articles: 5 } as const;

/** One call of the activity. */
interface Call {
  input: StageInput;
  /** Signals cleaned. */
  dataset: Dataset;
  measurer: Measurer;
  resources: Resources;
  threads: number;
  report: Deps['progress'];
}

export function createEvaluateActivities(deps: Deps): EvaluateActivities {
  const { artifacts, threads } = deps;
  return {
    async evaluate(input) {
      const resources = createResources(artifacts);
      const dataset = await resources.dataset(input.inputs.cleaned);
      const measurer = await createMeasurer(
        input,
        { split: 'test', limit: input.settings.evaluate.readers },
        resources,
        deps,
      );
      if (measurer.readers.length === 0)
        throw new DataError('no test reader clicked a fresh article: nothing can be evaluated. Check the test period');
      const call: Call = { input, dataset, measurer, resources, threads, report: deps.progress };

      const lists = {} as Record<Policy, WrittenList[][]>;
      const { ranked, tuned } = await rankBaselines(call);
      for (const [i, method] of policyNames.entries()) {
        lists[method] = await measurer.write(await resources.model(input.inputs[policies[method]]), {
          samples: 1,
          stream: 'evaluate',
          progress: (fraction) =>
            deps.progress(0.35 + (0.5 * (i + fraction)) / policyNames.length, `lists of ${method}`),
        });
        ranked[method] = await measurer.recall(queriesOf(lists[method]));
      }
      ranked.key_phrases_equal = await newestKeyPhrases(
        measurer.readers,
        queriesOf(lists.teacher).map((queries) => queries.length),
        contextOf(call),
      );
      const metrics: PerReader = Object.fromEntries(
        Object.entries(ranked).map(([method, positions]) => [method, measurer.judge(positions)]),
      );
      const scores = {} as Record<Judged, Score[]>;
      for (const [i, method] of judged.entries()) {
        const progress = (fraction: number): void =>
          deps.progress(0.85 + (0.05 * (i + fraction)) / judged.length, `rewards of ${method}`);
        progress(0);
        scores[method] = (await measurer.rewards(lists[method], progress)).flat();
      }

      const evaluation: Evaluation = {
        readers: measurer.readers.length,
        seed: input.seed,
        ...measure(
          metrics,
          measurer.readers.map(({ cold }) => cold),
          { warmstart: totals(scores.warmstart), teacher: totals(scores.teacher) },
          input.settings.evaluate,
          input.seed,
        ),
        rewards: {
          warmstart: summary('warmstart', scores.warmstart),
          teacher: summary('teacher', scores.teacher),
          student: summary('student', scores.student),
        },
        cleaning: await effectOfCleaning(metrics.student, call),
        baselines: tuned,
        examples: examples(lists, ranked.student, call),
      };
      const files = {
        'evaluation.json': Buffer.from(JSON.stringify(evaluation, null, 1)),
        'per-reader.arrow': encodeTable(schemas.measured, perReaderRows(metrics, scores, measurer)),
      };
      return outputOf(await artifacts.put('evaluation', files, madeBy(input)), evaluation);
    },
  };
}

function contextOf({ input, dataset, measurer: { embedder, index } }: Call): BaselineContext {
  return { dataset, split: 'test', embedder, index, seed: input.seed };
}

/** Everything that needs no language model. */
async function rankBaselines(
  call: Call,
): Promise<{ ranked: Record<string, Int32Array[]>; tuned: Evaluation['baselines'] }> {
  const { input, dataset, measurer, resources, threads, report } = call;
  const { baselines: trained, baselineTraining } = input.settings.evaluate;
  const { readers, embedder, index } = measurer;
  const context = contextOf(call);
  const ranked: Record<string, Int32Array[]> = {};
  for (const [method, rank] of Object.entries(baselines)) {
    report(0.02, `ranking with ${method}`);
    const positions = await rank(readers, context);
    if (positions !== null) ranked[method] = positions;
  }
  const tuned: Evaluation['baselines'] = {};
  for (const [i, name] of trained.entries()) {
    const baseline = await tuneBaseline(name, {
      readers: dataset.readers('train'),
      index: await resources.index(input.inputs.index, 'train'),
      dev: { readers: dataset.readers('dev'), index: await resources.index(input.inputs.index, 'dev') },
      embedder,
      settings: baselineTraining,
      seed: input.seed,
      threads,
      report: (fraction, loss) =>
        report(
          0.05 + (0.3 * (i + fraction)) / trained.length,
          `training ${name}: loss ${loss.toFixed(2)} nats a click`,
        ),
    });
    ranked[name] = await baseline.ranker.rank(readers, index);
    tuned[name] = baseline.tuned;
  }
  return { ranked, tuned };
}

/** The student on the signals as they were but for personal data, which no model reads, against the student on the cleaned ones. */
async function effectOfCleaning(
  cleaned: readonly RankingMetrics[],
  { input, measurer, resources, report }: Call,
): Promise<Evaluation['cleaning']> {
  const { kinds } = input.settings.clean;
  const raw = new Map((await resources.dataset(input.inputs.dataset)).readers('test').map((of) => [of.readerId, of]));
  const masked = (reader: Reader): Reader => {
    const signals = (raw.get(reader.readerId) ?? reader).signals.filter(({ kind }) => kinds.includes(kind));
    return { ...reader, signals: signals.map((one) => ({ ...one, text: maskPersonalData(one.text).text })) };
  };
  const lists = await measurer.write(await resources.model(input.inputs.student), {
    samples: 1,
    stream: 'evaluate',
    signalsOf: measurer.readers.map(masked),
    progress: (fraction) => report(0.9 + 0.1 * fraction, 'lists of student from raw signals'),
  });
  const recallOf = (readers: readonly RankingMetrics[]): number[] => readers.map((reader) => reader['recall@10']);
  const onRaw = recallOf(measurer.judge(await measurer.recall(queriesOf(lists))));
  const onCleaned = recallOf(cleaned);
  const resamples = drawResamples(onRaw.length, input.settings.evaluate.bootstraps, input.seed);
  return {
    cleaned: meanInterval(onCleaned, resamples),
    raw: meanInterval(onRaw, resamples),
    difference: pairedDifference(onCleaned, onRaw, resamples),
  };
}

/** The first readers by id: chosen before anything is known of how well they are served. */
function examples(
  lists: Record<Policy, WrittenList[][]>,
  ranked: readonly Int32Array[],
  { dataset, measurer: { readers, index } }: Call,
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
    recalled: Array.from(ranked[i].subarray(0, EXAMPLES.articles), (position) => {
      const id = index.articleIds[position];
      return { title: dataset.articles.get(id)?.title ?? id, clicked: readers[i].clicked.includes(id) };
    }),
  }));
}

/** One row a method and reader. */
function perReaderRows(metrics: PerReader, scores: Record<Judged, Score[]>, { readers }: Measurer): PerReaderRow[] {
  const rewards: Partial<Record<string, (number | null)[]>> = Object.fromEntries(
    judged.map((method) => [method, totals(scores[method])]),
  );
  return Object.entries(metrics).flatMap(([method, ofReaders]) =>
    ofReaders.map((figures, i) => ({
      reader_id: readers[i].readerId,
      method,
      ...figures,
      reward: rewards[method]?.[i] ?? null,
    })),
  );
}

function outputOf(evaluation: Ref<'evaluation'>, { readers, ranking, gate, differences }: Evaluation): StageOutput {
  const reward = differences.find(({ metric }) => metric === 'reward')?.difference;
  const recall = (method: Policy): number => ranking[method]['recall@10'].mean;
  const [warmstart, teacher, student] = judged.map((method) => recall(method).toFixed(3));
  return {
    outputs: { evaluation },
    facts: {
      passed: gate.passed,
      readers,
      recall10_warmstart: recall('warmstart'),
      recall10_teacher: recall('teacher'),
      recall10_student: recall('student'),
      reward_gain: reward?.mean ?? null,
      reward_gain_low: reward?.low ?? null,
      reward_gain_high: reward?.high ?? null,
    },
    headline: `recall@10 of ${readers} test readers: before reinforcement learning ${warmstart}, teacher ${teacher}, student ${student}; the gate is ${gate.passed ? 'passed' : 'not passed'}`,
  };
}

function queriesOf(lists: readonly WrittenList[][]): string[][] {
  return lists.map(([list]) => list.queries);
}

function totals(scores: readonly Score[]): (number | null)[] {
  return scores.map(({ total }) => total);
}

/** Throws JudgeError where there is no judgement to take a mean of. */
function summary(method: Judged, scores: readonly Score[]): RewardSummary {
  const { missing, ...means } = meanScores(scores);
  if (missing === scores.length)
    throw new JudgeError(
      `the judge answered for none of the ${missing} lists of ${method}. See that it can be reached, then run evaluate again`,
    );
  return means;
}
