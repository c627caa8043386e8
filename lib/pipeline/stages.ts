/** The stages: what each takes, makes, and which section of settings it reads (stage-settings.ts). */
import type { Kind, Ref } from '../store/ref.ts';
import type { Settings } from './stage-settings.ts';

/** A stage of the pipeline: the section of settings it reads, the artifacts it takes (by output name) and makes. */
export interface StageSpec {
  section: keyof Settings;
  /** Names of outputs of earlier steps. A name ending in `?` is taken where a step provides it. */
  consumes: readonly string[];
  produces: Readonly<Record<string, Kind>>;
  /** `activity`: one activity on `queue`; `workflow`: a child workflow named after the stage. */
  runs: 'activity' | 'workflow';
  queue: 'cpu' | 'tensor';
  summary: string;
  /** Facts that a later step's condition (`when`) may ask for. None: nothing can be asked of it. */
  facts?: readonly string[];
  /** Other sections that the stage reads, or `section.key` where it reads one part only (in its cache key). */
  alsoReads?: readonly string[];
  /** Source files that it runs without importing them (in its cache key). */
  alsoRuns?: readonly string[];
}

export const stages = {
  extract: {
    section: 'source',
    consumes: [],
    produces: { dataset: 'dataset' },
    runs: 'activity',
    // A large log keeps a process busy for minutes: the compute process, whose worker goes on with heartbeats meanwhile.
    queue: 'tensor',
    summary: 'Read the source into canonical tables, split by time, check them',
    facts: ['readers.train', 'readers.dev', 'readers.test', 'articles', 'signals', 'quarantined'],
  },
  clean: {
    section: 'clean',
    consumes: ['dataset'],
    produces: { cleaned: 'dataset', cleaner: 'cleaner' },
    runs: 'activity',
    queue: 'tensor',
    summary: 'Mask personal data, train the noise classifier, drop noise',
  },
  index: {
    section: 'index',
    consumes: ['cleaned'],
    produces: { encoder: 'encoder', index: 'index' },
    runs: 'activity',
    queue: 'tensor',
    summary: 'Train the text encoder, embed articles, build the ANN index',
  },
  warmstart: {
    section: 'warmstart',
    consumes: ['cleaned', 'encoder'],
    produces: { teacherStart: 'model', studentStart: 'model' },
    runs: 'activity',
    queue: 'tensor',
    summary: 'Supervised start of teacher and student on weak labels',
    alsoReads: ['teacher.rollout'],
  },
  teacher: {
    section: 'teacher',
    consumes: ['cleaned', 'encoder', 'index', 'teacherStart'],
    produces: { teacher: 'model', teacherLog: 'log' },
    runs: 'workflow',
    queue: 'tensor',
    summary: 'Dr. GRPO on five rewards',
    alsoRuns: ['activities/score.ts'],
  },
  sweep: {
    section: 'sweep',
    consumes: ['cleaned', 'encoder', 'index', 'teacher'],
    produces: { sweep: 'sweep' },
    runs: 'workflow',
    queue: 'tensor',
    summary: 'Scaling with model size and with best-of-N',
    alsoReads: ['teacher', 'warmstart'],
    alsoRuns: ['activities/teacher.ts', 'activities/score.ts', 'workflows/teacher.ts'],
  },
  student: {
    section: 'student',
    consumes: ['cleaned', 'teacher', 'studentStart'],
    produces: { student: 'model', supervised: 'model', studentLog: 'log' },
    runs: 'workflow',
    queue: 'tensor',
    summary: 'On-policy distillation, with supervised distillation beside it',
    alsoReads: ['teacher.rollout'],
  },
  evaluate: {
    section: 'evaluate',
    consumes: [
      'dataset',
      'cleaned',
      'encoder',
      'index',
      'teacherStart',
      'teacher',
      'studentStart',
      'student',
      'supervised',
    ],
    produces: { evaluation: 'evaluation' },
    runs: 'activity',
    queue: 'tensor',
    summary: 'Rank test readers with every method; decide the gate',
    facts: [
      'passed',
      'readers',
      'recall10_warmstart',
      'recall10_teacher',
      'recall10_student',
      'reward_gain',
      'reward_gain_low',
      'reward_gain_high',
    ],
    alsoReads: ['teacher.rollout', 'teacher.judge', 'teacher.weights', 'clean.kinds'],
  },
  measure: {
    section: 'measure',
    consumes: ['cleaned', 'encoder', 'index', 'teacher', 'student?'],
    produces: { measured: 'measured' },
    runs: 'activity',
    queue: 'tensor',
    summary: 'Rank test readers with one policy, and with the best of N of its lists',
    alsoReads: ['teacher.rollout', 'teacher.judge', 'teacher.weights'],
  },
  rate: {
    section: 'rate',
    consumes: ['cleaned', 'teacher', 'student'],
    produces: { rate: 'rate' },
    runs: 'activity',
    queue: 'tensor',
    summary: 'Readers a second that teacher and student write lists for, in turns',
    alsoReads: ['teacher.rollout'],
  },
  promote: {
    section: 'promote',
    consumes: ['dataset', 'cleaned', 'cleaner', 'encoder', 'index', 'student'],
    produces: { experiment: 'experiment' },
    runs: 'workflow',
    queue: 'cpu',
    summary: 'A/B test, approval, promotion or rollback',
    alsoReads: ['teacher.rollout', 'source'],
    alsoRuns: ['workers/recall.ts'],
  },
  publish: {
    section: 'publish',
    consumes: ['cleaned', 'student', 'studentLog', 'evaluation', 'experiment?'],
    produces: { published: 'published' },
    runs: 'activity',
    queue: 'tensor',
    summary: 'Queries of all readers, student checkpoint, model card',
    alsoReads: ['teacher.rollout'],
  },
} as const satisfies Record<string, StageSpec>;

export type StageName = keyof typeof stages;

export const stageNames = Object.keys(stages) as StageName[];

/** What every stage is called with. `inputs` holds the outputs that the stage consumes, by name. */
export interface StageInput {
  run: string;
  step: string;
  stage: StageName;
  seed: number;
  /** Digest of the source files behind the stage, for the lineage of what it makes. */
  code: string;
  settings: Settings;
  inputs: Record<string, Ref>;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What every stage returns: references, a few facts (a few KB at most, they go into summary.json and the UI) and one sentence. */
export interface StageOutput {
  outputs: Record<string, Ref>;
  facts: Record<string, Json>;
  headline: string;
  /** False: the next run does it again (an experiment without a decision). Default true. */
  reusable?: boolean;
}
