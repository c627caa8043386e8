/** What a run is asked to do: a pipeline of pipelines.yaml with its profile's settings filled in. Plain JSON; the workflow's input. */
import type { Ref } from '../store/ref.ts';
import type { Settings, SourceSettings } from './stage-settings.ts';
import type { Json, StageName } from './stages.ts';

/** A fact that decides whether a step runs: of an earlier step (`evaluate.passed`) or of the settings (`settings.clean.enabled`). */
export interface Condition {
  negated: boolean;
  of: { step: string } | 'settings';
  path: string[];
}

export interface PlanStep {
  name: string;
  uses: StageName;
  /** Names of the steps that must have ended before this one starts. */
  needs: string[];
  when: Condition | null;
  runs: 'activity' | 'workflow';
  /** Short name of the task queue: `cpu`, `tensor`, or one of the operator's own. */
  queue: string;
  /** One line for people. */
  summary: string;
  /** The section of settings that belongs to this step's stage, defaults and `with` filled in. */
  section: keyof Settings;
  settings: Settings[keyof Settings];
  /** The sections (or `section.key`) that its stage sees: those of its cache key, so that nothing else can decide what it makes. */
  reads: string[];
  /** Which step gives each input; `null`: the pipeline takes it from an earlier run. Optional inputs that nobody gives are absent. */
  inputs: Record<string, { from: string | null; optional: boolean }>;
}

export interface Plan {
  pipeline: string;
  profile: string;
  seed: number;
  settings: Settings;
  steps: PlanStep[];
  /** Outputs taken from the last finished run of another pipeline with the same profile. */
  takes: { from: string; outputs: string[] } | null;
}

export type StepStatus = 'waiting' | 'running' | 'done' | 'cached' | 'skipped' | 'failed' | 'cancelled';

/** Where one step is. Times are milliseconds since 1970, of the workflow's clock. */
export interface StepState {
  name: string;
  uses: string;
  summary: string;
  status: StepStatus;
  startedAt: number | null;
  endedAt: number | null;
  /** Share done, where the step runs as a child workflow that reports it; activities report theirs in heartbeats. */
  fraction: number | null;
  /** What it does now, or what came out of it, in one sentence. */
  headline: string;
  /** Id of the child workflow, of a step that runs as one. */
  child: string | null;
  outputs: Record<string, Ref>;
  facts: Record<string, Json>;
  /** Its key in the step cache and the seconds of work that it took when it ran; null: not known. */
  work: { key: string; seconds: number } | null;
}

/** What the pipeline's `progress` query answers. */
export interface RunProgress {
  run: string;
  pipeline: string;
  profile: string;
  seed: number;
  held: boolean;
  startedAt: number;
  steps: StepState[];
}

/** What a finished run returns. */
export interface RunResult {
  run: string;
  pipeline: string;
  profile: string;
  seed: number;
  source: SourceSettings;
  seconds: number;
  steps: StepState[];
  outputs: Record<string, Ref>;
}

/** The id of a pipeline's workflow: one run of a pipeline and profile at a time in a namespace. */
export function workflowId(plan: { pipeline: string; profile: string }): string {
  return `newshound-${plan.pipeline}-${plan.profile}`;
}

/** The task queue behind a short name. */
export function taskQueue(name: string): string {
  return `newshound-${name}`;
}
