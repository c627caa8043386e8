/** What evaluate, sweep and promote find out: the JSON of their artifacts. Every number that estimates something is an interval. */
import type { Interval } from '../method/bootstrap.ts';
import type { RankingMetrics } from '../method/metrics.ts';
import type { RewardName } from '../method/rewards.ts';

export type RewardSummary = Record<RewardName | 'total', number>;

/** What `evaluate` writes as evaluation.json. */
export interface Evaluation {
  /** Test readers, each ranked once by every method. */
  readers: number;
  seed: number;
  ranking: Record<string, Record<keyof RankingMetrics, Interval>>;
  /** recall@10 of cold readers alone. */
  cold: { readers: number; recall: Record<string, Interval> };
  rewards: { warmstart: RewardSummary; teacher: RewardSummary; student: RewardSummary };
  /** Paired over readers. */
  differences: { what: string; metric: string; difference: Interval }[];
  distillation: Record<
    'on_policy' | 'supervised' | 'none',
    { recall10: Interval; ndcg10: Interval; shareOfTeacher: Interval }
  >;
  /** recall@10 of the student reading cleaned and raw signals of the same readers. */
  cleaning: { cleaned: Interval; raw: Interval; difference: Interval };
  gate: { passed: boolean; checks: { what: string; passed: boolean; detail: string }[] };
  /** How each trained baseline was trained. */
  baselines: Record<string, TunedBaseline>;
  examples: ExampleReader[];
}

export interface TunedBaseline {
  parameters: number;
  steps: number;
  dimensions: number;
  maxLength: number;
  /** The one of `tried` that was kept. */
  learningRate: number;
  /** `loss` in nats a click, over the last tenth of the steps; `recall10` of dev readers, null where there was nothing to choose. */
  tried: { learningRate: number; loss: number; recall10: number | null }[];
}

export interface ExampleReader {
  readerId: string;
  cold: boolean;
  signals: { kind: string; text: string }[];
  lists: Record<string, string[]>;
  recalled: { title: string; clicked: boolean }[];
}

/** What `sweep` writes as sweep.json. Recall and NDCG are of dev readers. */
export interface Sweep {
  readers: number;
  capacity: {
    model: string;
    parameters: number;
    recall10: Interval;
    ndcg10: Interval;
    reward: number;
    seconds: number;
  }[];
  bestOf: { n: number; recall10: Interval; ndcg10: Interval; reward: number }[];
  fits: { what: string; formula: string; exponent: Interval }[];
  notRun: { model: string; why: string }[];
}

/** What `rate` writes as rate.json. */
export interface ServingRate {
  /** Readers of one turn. */
  readers: number;
  /** `perSecond`: readers a second, of each turn; both models in every turn, one after the other. */
  models: { name: 'teacher' | 'student'; parameters: number; threads: number; perSecond: number[] }[];
}

/** What `promote` writes as experiment.json. */
export interface Experiment {
  /** measured: a test against the portal without queries ran to its end; nothing was to be decided. */
  outcome: 'promoted' | 'rejected' | 'inconclusive' | 'rolled_back' | 'measured';
  reasons: string[];
  decidedBy: string;
  /** Whose clicks they are: of generated readers, or of a log that is replayed. */
  simulation: 'world' | 'replay';
  /** Why intervals and p do not hold; null: they do. */
  caveat: string | null;
  readers: { control: number; treatment: number };
  /** Of these. */
  coldReaders: { control: number; treatment: number };
  srmP: number;
  ctrAlwaysValidP: number;
  metrics: Record<string, { control: number; treatment: number; relative: Interval; p: number }>;
  days: {
    day: number;
    share: number;
    control: number;
    treatment: number;
    ctrControl: number;
    ctrTreatment: number;
    dauControl: number;
    dauTreatment: number;
    p95Ms: number;
    errors: number;
  }[];
}
