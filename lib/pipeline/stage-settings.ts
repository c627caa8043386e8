/**
 * What each stage can be set to. A section's zod schema owns its settings, their defaults and their documentation (`newshound config` prints
 * them). No default lives anywhere else, but for what the tensor engine chooses where nothing is set.
 */
import { z } from 'zod';
import { paperSettings } from './paper-settings.ts';
import { judgeSettings, rewardWeights, rolloutSettings } from './policy-settings.ts';

const positive = z.number().int().positive();
const fraction = z.number().min(0).max(1);

export const sourceSettings = z.strictObject({
  kind: z.enum(['world', 'mind', 'warehouse']).default('world').describe('where readers and articles come from'),
  path: z
    .string()
    .default('')
    .describe(
      'mind: a local folder with train and dev; warehouse: a folder, or s3://BUCKET/PREFIX where the artifacts are',
    ),
  worldSeed: z.number().int().default(2026).describe('world: seed of the generator; base models never saw the default'),
  historyArticles: positive.default(4000).describe('world: articles before the first split'),
  poolArticles: positive.default(2000).describe('world: fresh articles a split (dev: half)'),
  trainReaders: positive.default(4000).describe('world: readers of the train split'),
  devReaders: positive.default(300).describe('world: readers of the dev split'),
  testReaders: positive.default(1000).describe('world: readers of the test split'),
  devShare: fraction.default(0.15).describe('mind, warehouse: last share of the train period, kept for settings'),
  readerShare: fraction
    .default(1)
    .describe('mind: share of the readers, by hash: a log too large for this machine is read in part'),
  mapping: z
    .record(z.string(), z.strictObject({ file: z.string(), columns: z.record(z.string(), z.string()) }))
    .default({})
    .describe('warehouse: file and column of each canonical table and column'),
  quarantineLimit: fraction.default(0.05).describe('share of bad rows above which extraction is refused'),
  volumeDrop: fraction.default(0.5).describe('refuse a source that shrank by more than this share since the last run'),
});

export const cleanSettings = z.strictObject({
  enabled: z.boolean().default(true).describe('off: personal data is still masked, no signal is dropped'),
  steps: positive.default(250),
  batch: positive.default(64),
  learningRate: z.number().positive().default(2e-3),
  threshold: fraction.default(0.5).describe('drop a signal whose probability of noise is above this'),
  kinds: z
    .array(z.enum(['search', 'page', 'click']))
    .min(1)
    .default(['search', 'page', 'click'])
    .describe('signals of other kinds are left out: what a portal without these logs would know'),
});

export const indexSettings = z.strictObject({
  encoder: z.enum(['trained', 'onnx', 'openai']).default('trained'),
  path: z.string().default('').describe('onnx: folder with model.onnx and tokenizer.json'),
  model: z
    .string()
    .default('')
    .describe('openai: model name; address and key come from OPENAI_BASE_URL, OPENAI_API_KEY'),
  dimensions: positive.default(64),
  steps: positive.default(400),
  batch: positive.default(256),
  learningRate: z.number().positive().default(5e-3),
});

const modelName = z.string().describe('a committed base model (models/NAME) or a Hugging Face folder');

const memorySettings = z.strictObject({
  recompute: z
    .boolean()
    .default(false)
    .describe(
      'of each layer keep only the input, and compute the rest again for the gradient: slower, a fraction of the memory',
    ),
  targetsAtOnce: positive
    .optional()
    .describe(
      'tokens to be predicted whose logits are in memory at the same time; not set: as many as take 256 MiB (64 with recompute)',
    ),
  bytes: positive
    .optional()
    .describe(
      'that a step may take: parameters, moments, gradients and activations. It is cut into smaller micro-batches to fit, or refused; not set: half of the memory of the machine or control group',
    ),
});

export const warmstartSettings = z.strictObject({
  teacher: modelName.default('base-l'),
  student: modelName.default('base-s'),
  studentLayers: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('layers of the student that are kept, spread from the first to the last; 0: all'),
  steps: z.number().int().min(0).default(60).describe('on weak labels; 0: start from the model as it is (prompt only)'),
  studentSteps: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('of the student, where it needs others: one that lost layers must learn to do without them'),
  batch: positive.default(16).describe('readers a step'),
  listsPerReader: positive.default(3).describe('different labels of a reader in a step, behind one prompt'),
  eventShare: fraction
    .default(0.1)
    .describe("of a label's lines that a next click confirms, those in its words; the others are the reader's own"),
  learningRate: z.number().positive().default(1e-3),
  memory: memorySettings.prefault({}),
});

export const lossNames = ['dr_grpo', 'grpo', 'dapo', 'gspo'] as const;

const loraSettings = z.strictObject({
  rank: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('of low-rank adapters that learn and are merged into the weights; 0: all parameters learn'),
  alpha: z.number().positive().default(32).describe('adapters are scaled by alpha / rank'),
});

export const teacherSettings = z.strictObject({
  rounds: positive.default(16),
  readers: positive.default(32).describe('readers a round'),
  group: positive.default(8).describe('G: lists a reader'),
  shards: positive.default(2).describe('rollout shards a round: fixed sets of readers'),
  updates: positive.default(2).describe('optimizer steps a round, on equal parts of the batch'),
  loss: z.enum(lossNames).default('dr_grpo'),
  clipLow: z.number().positive().default(0.2),
  clipHigh: z.number().positive().default(0.2),
  klWeight: z.number().min(0).default(0),
  truncated: z
    .enum(['mask', 'penalise'])
    .default('penalise')
    .describe('lists cut at maxListTokens: masked in the loss, or kept with struct = 0'),
  learningRate: z.number().positive().default(1e-3),
  warmupSteps: z.number().int().min(0).default(10),
  weightDecay: z.number().min(0).default(0),
  gradientNorm: z.number().positive().default(1).describe('a larger gradient is scaled down to this'),
  gradientLimit: z.number().positive().default(1000).describe('a step with a larger gradient norm stops the run'),
  lora: loraSettings.prefault({}),
  memory: memorySettings.prefault({}),
  checkpointEvery: positive.default(10).describe('C: rounds between full checkpoints'),
  evaluateEvery: positive.default(10).describe('rounds between looks at held-out recall and coverage (dev readers)'),
  evaluateReaders: positive.default(200),
  weights: rewardWeights.prefault({}),
  rollout: rolloutSettings.prefault({}),
  judge: judgeSettings.prefault({}),
});

export const sweepSettings = z.strictObject({
  models: z.array(modelName).default(['base-xs', 'base-s']).describe('capacity arms beside the teacher'),
  rounds: positive.default(6).describe('Dr. GRPO rounds an arm'),
  warmSteps: z.number().int().min(0).default(20).describe('of weak labels, before the rounds'),
  bestOf: z.array(positive).default([1, 2, 4, 8]).describe('the N of best of N'),
  readers: positive.default(150).describe('dev readers that every arm is measured on'),
  concurrency: positive.default(1).describe('arms at the same time; more than one needs as many tensor workers'),
  budgetMinutes: z.number().positive().default(8).describe('of work, all arms together: no arm starts after this'),
});

export const studentSettings = z.strictObject({
  steps: positive.default(60),
  readers: positive.default(16).describe('readers a step'),
  group: positive.default(2).describe('lists a reader'),
  divergence: z
    .enum(['reverse_kl', 'forward_kl', 'jsd'])
    .default('reverse_kl')
    .describe('of student and teacher, token by token on the student’s lists'),
  learningRate: z.number().positive().default(1e-3),
  gradientNorm: z.number().positive().default(1).describe('a larger gradient is scaled down to this'),
  gradientLimit: z.number().positive().default(1000).describe('a step with a larger gradient norm stops the run'),
  memory: memorySettings.prefault({}),
  checkpointEvery: positive.default(25),
});

/** Baselines that train (`lib/baselines`). */
export const baselineNames = ['gru4rec', 'sasrec', 'nrhub', 'pinsage', 'hstu'] as const;
export type BaselineName = (typeof baselineNames)[number];

export const evaluateSettings = z.strictObject({
  readers: positive.default(100_000).describe('test readers that are evaluated, the first ones by id'),
  bootstraps: positive.default(1000),
  baselines: z.array(z.enum(baselineNames)).default(['sasrec']).describe('trained baselines to compare with'),
  baselineTraining: z
    .strictObject({
      steps: positive.default(150),
      dimensions: positive.default(64),
      maxLength: positive.default(20).describe('newest signals that are read; of pinsage: neighbours of a reader'),
      learningRates: z
        .array(z.number().positive())
        .min(1)
        .default([1e-3])
        .describe('each baseline is trained with each, and the best for dev readers is kept'),
    })
    .prefault({}),
  gate: z
    .strictObject({
      minimumStudentShare: z.number().default(0.7).describe('student recall@10 / teacher recall@10 (point estimate)'),
      minimumRecall: z.number().default(0).describe('student recall@10, lower bound of the interval'),
      aboveUndistilled: z.boolean().default(false).describe('require the student above the undistilled one'),
    })
    .prefault({}),
});

export const measureSettings = z.strictObject({
  method: z
    .enum(['teacher', 'student', 'best_of'])
    .default('teacher')
    .describe('whose lists are measured; best_of: of N lists of the teacher the one of the highest reward'),
  readers: positive.default(100_000).describe('test readers that are measured, the first ones by id'),
  bestOf: z.array(positive).default([1, 2, 4, 8, 16, 32]).describe('best_of: the N'),
});

export const rateSettings = z.strictObject({
  readers: positive.default(200).describe('test readers that each model writes a list for in one turn'),
  turns: positive.default(5).describe('how often teacher and student take turns'),
});

export const promoteSettings = z.strictObject({
  against: z
    .enum(['served', 'no_queries'])
    .default('served')
    .describe('control: what is served now, or the portal without queries; after the latter nothing is promoted'),
  readers: positive
    .default(2500)
    .describe('simulated readers; of a world test readers, more than the run measures where so many are asked for'),
  days: positive.default(7),
  daySeconds: z.number().min(0).default(2).describe('wall time of a day: compressed in the demo'),
  ramp: z.array(z.number().gt(0).max(0.5)).default([0.05, 0.25, 0.5]).describe('treatment share by phase'),
  minimumSample: positive.default(200).describe('exposed readers an arm before any verdict'),
  significance: fraction.default(0.05),
  srmThreshold: fraction.default(0.001),
  guardrails: z
    .strictObject({
      ctrDrop: z
        .number()
        .default(0.1)
        .describe('relative CTR drop that rolls back, when its always-valid p is significant'),
      errorRate: fraction.default(0.02),
      p95Ms: z.number().positive().default(500),
    })
    .prefault({}),
  approval: z.enum(['required', 'automatic']).default('required').describe('automatic: the setting approves, visibly'),
  approvalTimeoutHours: z.number().positive().default(72),
});

export const publishSettings = z.strictObject({
  split: z
    .enum(['all', 'train', 'dev', 'test'])
    .default('all')
    .describe('readers whose queries are published; all: each reader once, as of its latest split'),
  weights: z
    .enum(['float32', 'float16', 'bfloat16'])
    .default('float32')
    .describe('of the published student; float32: as it was tested, to the bit'),
  shardMegabytes: positive
    .default(2000)
    .describe('a file of weights is no larger: above it they are written in shards'),
  onnx: z.boolean().default(true).describe('the student as ONNX too (float32, with KV cache), for other runtimes'),
});

/** Settings of one section, as the stage sees them (defaults filled in). */
export type SourceSettings = z.infer<typeof sourceSettings>;
export type CleanSettings = z.infer<typeof cleanSettings>;
export type IndexSettings = z.infer<typeof indexSettings>;
export type WarmstartSettings = z.infer<typeof warmstartSettings>;
export type TeacherSettings = z.infer<typeof teacherSettings>;
export type SweepSettings = z.infer<typeof sweepSettings>;
export type StudentSettings = z.infer<typeof studentSettings>;
export type EvaluateSettings = z.infer<typeof evaluateSettings>;
export type MeasureSettings = z.infer<typeof measureSettings>;
export type RateSettings = z.infer<typeof rateSettings>;
export type PromoteSettings = z.infer<typeof promoteSettings>;
export type PublishSettings = z.infer<typeof publishSettings>;

/** All settings: a section for each stage in its order, then that of paper runs. */
export const settingsSchema = z.strictObject({
  source: sourceSettings.prefault({}),
  clean: cleanSettings.prefault({}),
  index: indexSettings.prefault({}),
  warmstart: warmstartSettings.prefault({}),
  teacher: teacherSettings.prefault({}),
  sweep: sweepSettings.prefault({}),
  student: studentSettings.prefault({}),
  evaluate: evaluateSettings.prefault({}),
  measure: measureSettings.prefault({}),
  rate: rateSettings.prefault({}),
  promote: promoteSettings.prefault({}),
  publish: publishSettings.prefault({}),
  paper: paperSettings.prefault({}),
});

export type Settings = z.output<typeof settingsSchema>;
