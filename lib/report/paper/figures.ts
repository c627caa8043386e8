/** What a paper run found: the JSON of its artifacts. */
import type { PerReaderRow } from '../../data/rows.ts';
import type { Interval } from '../../method/bootstrap.ts';
import type { RankingMetrics } from '../../method/metrics.ts';
import type { CapacityLaw, Saturation } from '../../method/scaling.ts';
import type { PaperPlan } from '../../pipeline/paper.ts';
import type { Json } from '../../pipeline/stages.ts';
import type { Experiment, ServingRate } from '../../training/results.ts';

/** One reader's figures by one method in one arm of one lane. World 0: a source that is not generated. */
export interface ArmRow extends PerReaderRow {
  arm: string;
  world: number;
  seed: number;
}

interface OfLane {
  world: number;
  seed: number;
}

/** What stands beside the readers' figures. */
export interface Beside {
  experiments: (OfLane & Pick<Experiment, 'readers' | 'coldReaders' | 'srmP' | 'metrics'>)[];
  /** Facts of the step extract of the main arm. */
  data: (OfLane & { facts: Record<string, Json> })[];
  /** Facts of the step clean of the main arm. */
  cleaning: (OfLane & { facts: Record<string, Json> })[];
  /** Parameters of the teacher by arm. */
  parameters: Record<string, number>;
}

/** What depends on the machine and the day: not among the results. */
export interface RunRecord {
  run: string;
  profile: string;
  /** SHA-256 of the plan. */
  plan: string;
  /** SHA-256 of the source files of each stage that measured something; more than one where the code changed while arms ran. */
  code: Record<string, string[]>;
  /** Of work, interruptions left out. */
  seconds: number;
  hours: number;
  shrunk: string[];
  impossible: string[];
  notAsked: string[];
  /** Settings other than the profile's. */
  set: string[];
  notRun: { name: string; why: string }[];
  rates: (OfLane & { rate: ServingRate })[];
}

export type Verdict = 'holds' | 'does not hold' | 'cannot be told at this n' | 'not measured';

export interface ClaimResult {
  id: string;
  words: string;
  paper: string;
  /** Means of both sides; null: not measured. */
  ours: number | null;
  other: number | null;
  difference: Interval | null;
  /** The least difference that is claimed; null: any. */
  least: number | null;
  /** Of claims that ours keeps a share of other: the share. */
  share: Interval | null;
  /** After Holm. */
  p: number | null;
  /** The difference in standard deviations of one reader's difference. */
  standardised: number | null;
  seeds: number;
  readers: number;
  worlds: { world: number; difference: number }[];
  verdict: Verdict;
  reason: string;
}

export interface TableRow {
  title: string;
  /** What the paper has for it, by metric. */
  paper: Partial<Record<keyof RankingMetrics, number>>;
  metrics: Record<keyof RankingMetrics, Interval>;
  seeds: number;
  readers: number;
}

export interface CurvePoint extends Interval {
  x: number;
  name: string;
}

export interface AbTest {
  metric: string;
  words: string;
  paper: string;
  /** Null: no test was run, or it had too few clicks. */
  change: AbChange | null;
  /** Whom the metric is of, in `lanes` tests together: lanes of a world have the same readers, split anew. `broken`: tests left out, their split was not as planned. */
  readers: { control: number; treatment: number; lanes: number; broken: number };
  verdict: Verdict;
}

export interface AbChange {
  relative: Interval;
  /** After Holm over the metrics. */
  p: number;
  /** Of no change, for those who looked every day. */
  alwaysValidP: number;
  /** The smallest relative change that is found four times out of five at this n, by one metric alone. */
  detectable: number;
}

/** Everything that a second run must find again. */
export interface PaperResults {
  source: PaperPlan['source']['kind'];
  lanes: PaperPlan['lanes'];
  claims: ClaimResult[];
  tables: Record<TableName, TableRow[]>;
  /** Law: null with fewer than four sizes. */
  capacity: { points: CurvePoint[]; law: Omit<CapacityLaw, 'means'> | null };
  /** Saturation: null with fewer than three N. */
  bestOf: { points: CurvePoint[]; saturation: Saturation | null };
  abTest: AbTest[];
  data: Beside['data'];
  cleaning: Beside['cleaning'];
}

export const tableNames = ['main', 'distillation', 'rewards', 'capacity', 'best_of', 'cleaning', 'products'] as const;
export type TableName = (typeof tableNames)[number];

/** figures.json */
export interface PaperFigures {
  /** SHA-256 of `results`: equal for two runs that found the same. */
  digest: string;
  results: PaperResults;
  record: RunRecord;
}
