/** The activities that workflows call, by the queue they run on. Types only: workflows import no code of theirs. */
import type { ExperimentState } from '../lib/method/verdict.ts';
import type { ServedModel } from '../lib/serving/served.ts';
import type { PaperPlan } from '../lib/pipeline/paper.ts';
import type { Json, StageInput, StageName, StageOutput } from '../lib/pipeline/stages.ts';
import type { Ref } from '../lib/store/ref.ts';

/** Light ones, in the control worker itself: the step cache and the record of runs. */
export interface ControlActivities {
  /** Looks a step up in the cache: its key, the digest of its code, what it made the last time (null: it must run) and the seconds that took. */
  lookupStep(
    input: Omit<StageInput, 'code'>,
  ): Promise<{ key: string | null; code: string; output: StageOutput | null; seconds: number }>;
  /** Keeps what a step made under its key. */
  recordStep(record: { key: string; input: StageInput; output: StageOutput; seconds: number }): Promise<void>;
  /** Outputs of the last finished run of a pipeline and profile. Throws ArtifactMissing when there is none or one is missing. */
  takeOutputs(from: { pipeline: string; profile: string; outputs: string[] }): Promise<Record<string, Ref>>;
  /** Keeps a finished run's outputs for `takeOutputs`. */
  recordRun(run: { pipeline: string; profile: string; run: string; outputs: Record<string, Ref> }): Promise<void>;
}

/** Stages that are one activity, by the stage's name. */
export type StageActivities = Record<StageName, (input: StageInput) => Promise<StageOutput>>;

/** One round's stored data, one reference a shard, in shard order. */
export interface Batch {
  round: number;
  rollouts: Ref<'rollouts'>[];
  scores: Ref<'scores'>[];
}

/**
 * Where a teacher is. The learner after `round` rounds is a pure function of this: the checkpoint, with `batches` (the rounds after it,
 * in order) applied. A worker that has it in memory need not read either.
 */
export interface TeacherState {
  round: number;
  checkpoint: Ref<'learner'>;
  batches: Batch[];
  /** Figures of the rounds so far, in parts; merged at every checkpoint. */
  logs: Ref<'log'>[];
}

/** Figures of one moment of training, by name: for the UI and the run's log. */
export type Metrics = Record<string, number>;

export interface TeacherActivities {
  /** Stores the learner of round 0: the warm-started teacher with a fresh optimizer. */
  prepareTeacher(call: { input: StageInput }): Promise<{ state: TeacherState }>;
  /** Samples lists for shard `shard` of the readers of round `state.round`. */
  rollout(call: { input: StageInput; state: TeacherState; shard: number }): Promise<{ rollouts: Ref<'rollouts'> }>;
  /** One round of optimizer steps on the batch; stores a full checkpoint every `checkpointEvery` rounds (then `batches` is empty again). */
  update(call: {
    input: StageInput;
    state: TeacherState;
    batch: Batch;
  }): Promise<{ state: TeacherState; metrics: Metrics }>;
  /** Held-out recall and coverage of the policy, on dev readers; added to the logs. */
  evaluatePolicy(call: { input: StageInput; state: TeacherState }): Promise<{ state: TeacherState; metrics: Metrics }>;
  /** Stores the model and its log in one table. */
  finishTeacher(call: { input: StageInput; state: TeacherState }): Promise<StageOutput>;
}

/** On the cpu queue: judge and corpus only, no tensors of the policy. */
export interface ScoreActivities {
  score(call: {
    input: StageInput;
    rollouts: Ref<'rollouts'>;
    round: number;
    shard: number;
  }): Promise<{ scores: Ref<'scores'> }>;
}

/** One model size of the sweep, measured. */
export interface ArmResult {
  model: string;
  policy: Ref<'model'>;
  parameters: number;
  recall10: number;
  seconds: number;
  /** Of each dev reader, for the intervals. */
  measured: Ref<'measured'>;
}

export interface SweepActivities {
  /** Warm-starts `model`, for `sweep.warmSteps` steps. */
  warmArm(call: { input: StageInput; model: string }): Promise<{ start: Ref<'model'>; parameters: number }>;
  /** Measures a trained model on the sweep's dev readers. */
  measureArm(call: {
    input: StageInput;
    model: string;
    policy: Ref<'model'>;
    parameters: number;
    seconds: number;
  }): Promise<ArmResult>;
  /** Best-of-N of the teacher, for every N of the settings. */
  bestOf(call: { input: StageInput }): Promise<{ measured: Ref<'measured'>; headline: string }>;
  finishSweep(call: {
    input: StageInput;
    arms: ArmResult[];
    notRun: { model: string; why: string }[];
    bestOf: Ref<'measured'>;
  }): Promise<StageOutput>;
}

/** Where a student's training is: a checkpoint every `checkpointEvery` steps. */
export interface StudentState {
  step: number;
  learner: Ref<'learner'>;
  /** Losses so far, one part a checkpoint. */
  logs: Ref<'log'>[];
}

export interface StudentActivities {
  /** Distils on the student's own lists up to step `to`. `state` null: from the warm-started student. */
  distil(call: {
    input: StageInput;
    state: StudentState | null;
    to: number;
  }): Promise<{ state: StudentState; metrics: Metrics }>;
  /** The teacher's lists that the supervised student learns from. */
  writeTeacherLists(call: { input: StageInput }): Promise<{ lists: Ref<'rollouts'> }>;
  /** Supervised distillation on `lists` up to step `to`. */
  supervise(call: {
    input: StageInput;
    lists: Ref<'rollouts'>;
    state: StudentState | null;
    to: number;
  }): Promise<{ state: StudentState; metrics: Metrics }>;
  finishStudent(call: { input: StageInput; student: StudentState; supervised: StudentState }): Promise<StageOutput>;
}

/** A pointer as it was read: a swap succeeds only while it is still this. Null: it did not exist. */
export interface CurrentServing {
  value: ServedModel;
  version: number;
}

/** One simulated (or real) day of an experiment. */
export interface DayResult {
  day: number;
  share: number;
  /** One row a reader: who saw which arm that day and did what. */
  exposures: Ref<'experiment'>;
  /** Of all days so far, read together: what the verdict is made of. */
  state: ExperimentState;
  headline: string;
}

export interface PromoteActivities {
  readServing(): Promise<CurrentServing | null>;
  /** Serves one day to both arms, `share` of the readers treated. `before`: the days so far, in order. The last day is `promote.days`. */
  simulateDay(call: {
    input: StageInput;
    control: CurrentServing | null;
    day: number;
    share: number;
    before: { day: number; share: number; exposures: Ref<'experiment'> }[];
  }): Promise<DayResult>;
  /** Stops what `simulateDay` keeps running between days. */
  stopServing(call: { input: StageInput }): Promise<void>;
  /** Points `serving/current` at the student while it still is what `expected` says. Throws PointerConflict. */
  swapServing(call: { input: StageInput; expected: CurrentServing | null }): Promise<CurrentServing>;
  finishExperiment(call: {
    input: StageInput;
    conclusion: Conclusion;
    days: { day: number; share: number; exposures: Ref<'experiment'> }[];
  }): Promise<StageOutput>;
}

export interface Conclusion {
  outcome: 'promoted' | 'rejected' | 'inconclusive' | 'rolled_back' | 'measured';
  reasons: string[];
  /** A person's name, or what rule decided. */
  decidedBy: string;
}

/** What the steps of one arm in one lane made; facts of cleaning and warm start only. */
export interface CollectedArm {
  arm: string;
  world: number | null;
  seed: number;
  steps: { name: string; uses: string; outputs: Record<string, Ref>; facts: Record<string, Json> }[];
}

export interface PaperActivities {
  /** One artifact of every reader's figures in every arm, and of what stands beside them. `seconds`: of work behind the arms. */
  collectArms(call: {
    run: string;
    plan: PaperPlan;
    arms: CollectedArm[];
    notRun: { name: string; why: string }[];
    seconds: number;
  }): Promise<{ arms: Ref<'arms'> }>;
  /** Every table and figure with intervals, and a verdict on each claim. */
  judgePaper(call: {
    run: string;
    plan: PaperPlan;
    arms: Ref<'arms'>;
  }): Promise<{ paper: Ref<'paper'>; headline: string }>;
}
