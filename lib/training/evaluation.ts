/** The evaluation's arithmetic: per-reader figures of every method in, intervals, paired differences and the gate out. */
import {
  drawResamples,
  type Interval,
  meanInterval,
  pairedDifference,
  pairedRatio,
  type Resamples,
} from '../method/bootstrap.ts';
import { type RankingMetrics, rankingMetricNames } from '../method/metrics.ts';
import type { EvaluateSettings } from '../pipeline/stage-settings.ts';
import type { Evaluation } from './results.ts';

/** Every method's figures of the same readers, in the same order. */
export type PerReader = Record<string, RankingMetrics[]>;

type Measured = Pick<Evaluation, 'ranking' | 'cold' | 'differences' | 'distillation' | 'gate'>;

/** Pairs whose difference is reported: `[what, better, worse]`. */
const comparisons: readonly (readonly [string, string, string])[] = [
  ['teacher − warm start', 'teacher', 'warmstart'],
  ['teacher − every signal a query', 'teacher', 'signals_as_queries'],
  ['teacher − SASRec', 'teacher', 'sasrec'],
  ['student, on-policy − not distilled', 'student', 'undistilled'],
  ['student, on-policy − supervised', 'student', 'supervised'],
  ['student, on-policy − teacher', 'student', 'teacher'],
];

/** `rewards`: each reader's total reward under the two policies, null where the judgement is missing. */
export function measure(
  methods: PerReader,
  cold: readonly boolean[],
  rewards: Record<'warmstart' | 'teacher', readonly (number | null)[]>,
  settings: EvaluateSettings,
  seed: number,
): Measured {
  const resamples = drawResamples(cold.length, settings.bootstraps, seed);
  const column = (method: string, metric: keyof RankingMetrics): number[] =>
    methods[method].map((reader) => reader[metric]);
  const ranking = Object.fromEntries(
    Object.keys(methods).map((method) => [
      method,
      Object.fromEntries(rankingMetricNames.map((metric) => [metric, meanInterval(column(method, metric), resamples)])),
    ]),
  ) as Evaluation['ranking'];

  const present = comparisons.filter(([, a, b]) => methods[a] && methods[b]);
  const differences = (['recall@10', 'ndcg@10'] as const).flatMap((metric) =>
    present.map(([what, a, b]) => ({
      what,
      metric,
      difference: pairedDifference(column(a, metric), column(b, metric), resamples),
    })),
  );
  return {
    ranking,
    cold: coldRecall(methods, cold, settings, seed),
    differences: [rewardDifference(rewards, settings, seed), ...differences],
    distillation: {
      on_policy: distilled(column, 'student', resamples),
      supervised: distilled(column, 'supervised', resamples),
      none: distilled(column, 'undistilled', resamples),
    },
    gate: gate(ranking, column, settings, resamples),
  };
}

/** Paired over the readers that both policies have a judgement of. */
function rewardDifference(
  rewards: Record<'warmstart' | 'teacher', readonly (number | null)[]>,
  settings: EvaluateSettings,
  seed: number,
): Evaluation['differences'][number] {
  const both = rewards.teacher.flatMap((teacher, i) => {
    const warmstart = rewards.warmstart[i];
    return teacher === null || warmstart === null ? [] : [{ teacher, warmstart }];
  });
  const resamples = drawResamples(both.length, settings.bootstraps, seed);
  return {
    what: 'teacher − warm start',
    metric: 'reward',
    difference: pairedDifference(
      both.map((pair) => pair.teacher),
      both.map((pair) => pair.warmstart),
      resamples,
    ),
  };
}

function coldRecall(
  methods: PerReader,
  cold: readonly boolean[],
  settings: EvaluateSettings,
  seed: number,
): Evaluation['cold'] {
  const indices = cold.flatMap((isCold, i) => (isCold ? [i] : []));
  if (indices.length === 0) return { readers: 0, recall: {} };
  const resamples = drawResamples(indices.length, settings.bootstraps, seed);
  const recall = Object.entries(methods).map(
    ([method, readers]) =>
      [
        method,
        meanInterval(
          indices.map((i) => readers[i]['recall@10']),
          resamples,
        ),
      ] as const,
  );
  return { readers: indices.length, recall: Object.fromEntries(recall) };
}

type Column = (method: string, metric: keyof RankingMetrics) => number[];

function distilled(column: Column, method: string, resamples: Resamples): Evaluation['distillation']['none'] {
  return {
    recall10: meanInterval(column(method, 'recall@10'), resamples),
    ndcg10: meanInterval(column(method, 'ndcg@10'), resamples),
    shareOfTeacher: pairedRatio(column(method, 'recall@10'), column('teacher', 'recall@10'), resamples),
  };
}

/** What a student must show before readers see it. Thresholds are settings; the evidence is in each check's detail. */
function gate(
  ranking: Evaluation['ranking'],
  column: Column,
  { gate: limits }: EvaluateSettings,
  resamples: Resamples,
): Evaluation['gate'] {
  const share = pairedRatio(column('student', 'recall@10'), column('teacher', 'recall@10'), resamples);
  const recall = ranking.student['recall@10'];
  const gain = pairedDifference(column('student', 'recall@10'), column('undistilled', 'recall@10'), resamples);
  const digits = ({ mean, low, high }: Interval): string =>
    `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
  const checks = [
    {
      what: 'student keeps enough of the teacher',
      passed: share.mean >= limits.minimumStudentShare,
      detail: `share of Recall@10 ${digits(share)}, needed ${limits.minimumStudentShare}`,
    },
    {
      what: 'student recalls enough',
      passed: recall.low >= limits.minimumRecall,
      detail: `Recall@10 ${digits(recall)}, lower bound needed ${limits.minimumRecall}`,
    },
    ...(limits.aboveUndistilled
      ? [
          {
            what: 'distillation gains',
            passed: gain.low > 0,
            detail: `Recall@10 difference ${digits(gain)}, needed above 0`,
          },
        ]
      : []),
  ];
  return { passed: checks.every((check) => check.passed), checks };
}
