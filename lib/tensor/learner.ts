/** Language models learn: from scored groups, from a teacher, from examples. All change the model's parameters in place. */
import { DataError } from '../errors.ts';
import type { AdamwSettings } from './adamw.ts';
import { type Computation, createComputation } from './computation.ts';
import type { LanguageModel } from './language-model.ts';
import type { DivergenceName } from './losses.ts';
import { type AdapterTrainer, createAdapterTrainer, type LoraSettings } from './lora.ts';
import { type MicroBatches, microBatches, type MicroBatchSettings } from './micro-batches.ts';
import {
  distillationObjective,
  packedFeeds,
  type PolicyObjective,
  policyFeeds,
  policyObjective,
  type ScoredGroup,
  supervisedObjective,
  teacherPrefix,
  tokenGroups,
  uniformFeeds,
} from './objectives.ts';
import { logProbAt } from './ops.ts';
import type { PackedBatch, TokenGroup } from './packing.ts';
import { countParameters } from './parameters.ts';
import type { Feeds } from './session.ts';
import { entropyOf, type MemorySettings, targetFigures } from './target-figures.ts';
import { checkGroups, type TokenLimits } from './token-checks.ts';
import { checkSameTokens } from './tokenizer.ts';
import { createTrainer, type StepResult, type Trainer, type TrainerState } from './trainer.ts';

export type { ScoredCompletion, ScoredGroup } from './objectives.ts';

export interface LearnerSettings extends MemorySettings, MicroBatchSettings {
  adamw: AdamwSettings;
  threads: number;
}

/** Figures of one step by name: loss, entropy (nats a token), gradient_norm, tokens, length … */
export type Figures = Record<string, number>;

/** What learners share. A state loaded into a fresh learner continues equal to the bit. */
export interface Learner {
  state(): TrainerState;
  load(state: TrainerState): Promise<void>;
  release(): Promise<void>;
}

export interface PolicyLearner extends Learner {
  /** One optimizer step on scored groups. Figures: loss, entropy, clip_low, clip_high, kl_reference (with klWeight), gradient_norm, tokens, length. */
  update(groups: readonly ScoredGroup[], learningRate: number): Promise<Figures>;
}

/**
 * With `lora`, adapters learn instead of the parameters, which follow: state and gradient are those of the adapters. `update` throws DataError
 * for groups that the model cannot read, RangeError for log-probabilities that do not fit their tokens, and what `Trainer.step` throws.
 */
export async function createPolicyLearner(
  model: LanguageModel,
  settings: PolicyObjective & LearnerSettings & { lora?: LoraSettings },
): Promise<PolicyLearner> {
  const { config, parameters } = model;
  const loss = policyObjective(config, settings);
  const trainer = settings.lora
    ? createAdapterTrainer(model, settings.lora, { ...settings, loss })
    : createTrainer({ ...settings, parameters, loss });
  return {
    ...learnerOf(trainer),
    update: async (groups, learningRate) => {
      const plain = tokenGroups(groups);
      checkGroups(plain, config);
      const feedsOf = (batches: readonly PackedBatch[]): Feeds[] => policyFeeds(batches, groups, settings);
      return stepOn(trainer, microBatches(plain, settings, feedsOf, trainer.stepBytes), learningRate);
    },
  };
}

export interface Distiller extends Learner {
  /** One optimizer step on groups of the student's (or the teacher's) lists. Figures: loss (the divergence, nats a token), entropy, gradient_norm, tokens, length. */
  step(groups: readonly TokenGroup[], learningRate: number): Promise<Figures>;
}

/**
 * The teacher is read at each step, not copied. Rows of a table that the tokenizer does not use are left out. Throws CheckpointError where
 * the two have not the same tokenizer.
 */
export async function createDistiller(
  student: LanguageModel,
  teacher: LanguageModel,
  settings: { divergence: DivergenceName; temperature: number } & LearnerSettings,
): Promise<Distiller> {
  checkSameTokens(student.tokenizer, teacher.tokenizer, 'the student');
  const vocabulary = Math.min(
    student.tokenizer.vocabularySize,
    student.config.vocabularySize,
    teacher.config.vocabularySize,
  );
  const trainer = createTrainer({
    ...settings,
    parameters: student.parameters,
    constants: new Map([...teacher.parameters].map(([name, value]) => [teacherPrefix + name, value])),
    loss: distillationObjective(student.config, teacher.config, { ...settings, vocabulary }),
  });
  // Lists may hold ids of rows that the tokenizer does not use: both can read them, where both have the row.
  const limits: TokenLimits = {
    vocabularySize: Math.min(student.config.vocabularySize, teacher.config.vocabularySize),
    maxPositions: Math.min(student.config.maxPositions, teacher.config.maxPositions),
  };
  return { ...learnerOf(trainer), step: uniformStep(trainer, settings, limits) };
}

/** Examples that share one prompt array are packed behind it: it is read once. */
export interface SupervisedExample {
  prompt: Int32Array;
  completion: Int32Array;
}

export interface SupervisedLearner extends Learner {
  /** One optimizer step on the mean cross-entropy of completion tokens. Figures: loss (nats a token), gradient_norm, tokens, length. */
  step(examples: readonly SupervisedExample[], learningRate: number): Promise<Figures>;
  /** The loss alone. */
  evaluate(examples: readonly SupervisedExample[]): Promise<number>;
}

/**
 * Trains on the completions alone, under the model at `temperature` (default 1); prompts are read. `step` and `evaluate` throw DataError for
 * examples that the model cannot read.
 */
export async function createSupervised(
  model: LanguageModel,
  settings: { temperature?: number } & LearnerSettings,
): Promise<SupervisedLearner> {
  const { config, parameters } = model;
  const trainer = createTrainer({ ...settings, parameters, loss: supervisedObjective(config, settings) });
  const step = uniformStep(trainer, settings, config);
  const groupsOf = (examples: readonly SupervisedExample[]): TokenGroup[] =>
    [...Map.groupBy(examples, ({ prompt }) => prompt)].map(([prompt, sharing]) => ({
      prompt,
      completions: sharing.map(({ completion }) => completion),
    }));
  return {
    ...learnerOf(trainer),
    step: (examples, learningRate) => step(groupsOf(examples), learningRate),
    evaluate: async (examples) => {
      const groups = groupsOf(examples);
      checkGroups(groups, config);
      let loss = 0;
      for (const feeds of microBatches(groups, settings, uniformFeeds, trainer.stepBytes).feeds)
        loss += (await trainer.evaluate(feeds)).loss;
      return loss;
    },
  };
}

/** Log-probabilities and entropies (nats) of completion tokens, [group][completion]. */
export interface TokenScores {
  logprobs: Float32Array[][];
  entropies: Float32Array[][];
}

/** What the model gives the completions' tokens at a temperature. */
export async function scoreTokens(
  model: LanguageModel,
  groups: readonly TokenGroup[],
  settings: { temperature: number; threads: number } & MemorySettings & MicroBatchSettings,
): Promise<TokenScores> {
  const { config, parameters } = model;
  const computation: Computation = createComputation({
    parameters,
    threads: settings.threads,
    trace: (p, x) => {
      const model = { config, parameters: p, temperature: settings.temperature };
      const [logprobs, entropies] = targetFigures([model], x, settings, ([logits], part) => [
        logProbAt(logits, part(x.target)),
        entropyOf(logits),
      ]);
      return { logprobs, entropies };
    },
  });
  checkGroups(groups, config);
  const { batches, feeds } = microBatches(
    groups,
    settings,
    (of) => of.map(packedFeeds),
    (one) => {
      const run = computation.peakBytes(one);
      return { held: 4 * countParameters(parameters), run, activations: run };
    },
  );
  const empty = (): Float32Array[][] => groups.map(({ completions }) => completions.map(() => new Float32Array()));
  const scores: TokenScores = { logprobs: empty(), entropies: empty() };
  try {
    for (const [i, batch] of batches.entries()) {
      const values = (await computation.run(feeds[i])) as Record<keyof TokenScores, Float32Array>;
      for (const { group, completion, start, length } of batch.pieces) {
        scores.logprobs[group][completion] = values.logprobs.slice(start, start + length);
        scores.entropies[group][completion] = values.entropies.slice(start, start + length);
      }
    }
  } finally {
    await computation.release();
  }
  return scores;
}

/** The log-probabilities of `scoreTokens`. */
export async function logprobs(...of: Parameters<typeof scoreTokens>): Promise<Float32Array[][]> {
  return (await scoreTokens(...of)).logprobs;
}

function learnerOf(trainer: Trainer | AdapterTrainer): Learner {
  return { state: trainer.state, load: async (state) => trainer.load(state), release: trainer.release };
}

function uniformStep(trainer: Trainer, settings: LearnerSettings, limits: TokenLimits): Distiller['step'] {
  return async (groups, learningRate) => {
    checkGroups(groups, limits);
    return stepOn(trainer, microBatches(groups, settings, uniformFeeds, trainer.stepBytes), learningRate);
  };
}

async function stepOn(
  trainer: Pick<Trainer, 'step'>,
  { batches, feeds }: MicroBatches,
  learningRate: number,
): Promise<Figures> {
  if (!batches.some(({ pieces }) => pieces.some(({ length }) => length > 0)))
    throw new DataError('a step needs at least one group with a list: there is nothing to learn from');
  const result = await trainer.step(
    feeds,
    learningRate,
    feeds.map(() => 1),
  );
  return figures(result, batches);
}

function figures({ loss, gradientNorm, metrics }: StepResult, batches: readonly PackedBatch[]): Figures {
  const lengths = batches.flatMap(({ pieces }) => pieces.map(({ length }) => length));
  const predicted = lengths.reduce((total, length) => total + length, 0);
  const tokens = batches.reduce((total, { used }) => total + used, 0);
  return { loss, ...metrics, gradient_norm: gradientNorm, tokens, length: predicted / Math.max(1, lengths.length) };
}
