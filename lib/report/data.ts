/** What the report and summary.json say of one run. Every number that estimates something is an interval. */
import type { Json } from '../pipeline/stages.ts';
import type { LogRow } from '../data/rows.ts';
import type { Evaluation, Experiment, Sweep } from '../training/results.ts';

export interface StageSummary {
  name: string;
  status: string;
  seconds: number;
  cached: boolean;
  headline: string;
}

export interface ReportData {
  run: string;
  pipeline: string;
  profile: string;
  seed: number;
  source: string;
  stages: StageSummary[];
  digests: { teacher: string | null; student: string | null };
  facts: Record<string, Record<string, Json>>;
  evaluation: Evaluation | null;
  sweep: Sweep | null;
  experiment: Experiment | null;
  teacherLog: LogRow[];
  studentLog: LogRow[];
  peakRssMb: number;
  orchestrationShare: number;
  seconds: number;
}
