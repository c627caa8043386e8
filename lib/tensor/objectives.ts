/** What language models are trained for: from packed tokens to a loss, traced; and the numbers that each loss is fed. */
import type { Traced } from './computation.ts';
import type { Tensor } from './graph.ts';
import type { ModelConfig } from './language-model-config.ts';
import {
  type Clipping,
  clippedSurrogate,
  type DivergenceName,
  divergences,
  klToReference,
  type PolicyLossName,
  policyLosses,
} from './losses.ts';
import { add, and, cast, less, logProbAt, mul, neg, sum, where } from './ops.ts';
import type { PackedBatch, TokenGroup } from './packing.ts';
import type { Feeds } from './session.ts';
import { entropyOf, type MemorySettings, targetFigures } from './target-figures.ts';

/** One sampled list of a group. */
export interface ScoredCompletion {
  tokens: Int32Array;
  /** Under the policy that sampled it, at the temperature and over all tokens, one a token (Completion.policyLogprobs). */
  logprobs: Float32Array;
  advantage: number;
  /** Left out of the loss; it still counts among the lists that the loss is divided by. */
  masked: boolean;
  /** Log-probabilities under the reference, wanted where klWeight > 0. */
  reference?: Float32Array;
}

export interface ScoredGroup {
  prompt: Int32Array;
  completions: readonly ScoredCompletion[];
}

export interface PolicyObjective {
  loss: PolicyLossName;
  clipLow: number;
  clipHigh: number;
  /** Largest ratio (TRL's delta). Default null: none. */
  delta?: number | null;
  /** Weight of the KL to the reference; 0: none, and no reference is needed. */
  klWeight: number;
  /** L: the constant maximum length, by which dr_grpo divides. */
  maxListTokens: number;
  /** Of sampling; ratio, entropy and KL are of the distribution at this temperature. */
  temperature: number;
}

/** The loss of `policyFeeds`, summed over micro-batches; metrics are sums that make means over the tokens of the batch. */
export function policyObjective(config: ModelConfig, objective: PolicyObjective & MemorySettings) {
  const { ratio: ratioOf } = policyLosses[objective.loss];
  const clipping: Clipping = { low: objective.clipLow, high: objective.clipHigh, delta: objective.delta ?? null };
  return (p: Traced, x: Traced): { loss: Tensor; metrics: Traced } => {
    const policy = { config, parameters: p, temperature: objective.temperature };
    const [logprobs, entropies] = targetFigures([policy], x, objective, ([logits], part) => [
      logProbAt(logits, part(x.target)),
      entropyOf(logits),
    ]);
    const { sampled, advantage, list, share, weight, counted } = x;
    const ratio = ratioOf({ logprobs, sampled, advantage, list, share, lists: list.shape[0] });
    let loss = sum(mul(clippedSurrogate(ratio, advantage, clipping), weight));
    const mean = (values: Tensor): Tensor => sum(mul(values, counted));
    const metrics: Traced = {
      entropy: mean(entropies),
      clip_low: mean(cast(and(less(ratio, 1 - clipping.low), less(advantage, 0)), 'float32')),
      clip_high: mean(cast(and(less(1 + clipping.high, ratio), less(0, advantage)), 'float32')),
    };
    if (objective.klWeight > 0) {
      // Padding (of no list: share 0) has no reference: its difference may be too large for exp, and infinity times a weight of 0 is NaN.
      const reference = where(less(0, share), x.reference, logprobs);
      const kl = klToReference(logprobs, reference, ratio);
      metrics.kl_reference = mean(kl);
      loss = add(loss, mul(sum(mul(kl, weight)), objective.klWeight));
    }
    return { loss, metrics };
  };
}

/** Feeds of the packed batches of one optimizer step. Each is weighted 1. Throws RangeError where log-probabilities do not fit the tokens. */
export function policyFeeds(
  batches: readonly PackedBatch[],
  groups: readonly ScoredGroup[],
  objective: PolicyObjective,
): Feeds[] {
  const all = groups.flatMap(({ completions }) => completions);
  const lengths = all.map(({ tokens, masked }) => (masked ? 0 : tokens.length));
  const weights = new Map(
    policyLosses[objective.loss].weights(lengths, objective.maxListTokens).map((w, i) => [all[i], w]),
  );
  const tokens = Math.max(
    1,
    lengths.reduce((total, length) => total + length, 0),
  );
  return batches.map((batch) => {
    const values = (): Float32Array => new Float32Array(batch.targets);
    const [sampled, advantage, share, weight, counted, reference] = [
      values(),
      values(),
      values(),
      values(),
      values(),
      values(),
    ];
    const list = new Int32Array(batch.targets);
    for (const [index, { group, completion, start, length }] of batch.pieces.entries()) {
      const one = groups[group].completions[completion];
      sampled.set(fitting(one.logprobs, length, 'sampling'), start);
      if (objective.klWeight > 0) reference.set(fitting(one.reference, length, 'reference'), start);
      list.fill(index, start, start + length);
      share.fill(1 / length, start, start + length);
      if (one.masked) continue;
      advantage.fill(one.advantage, start, start + length);
      weight.fill(weights.get(one) as number, start, start + length);
      counted.fill(1 / tokens, start, start + length);
    }
    const shape = [batch.targets];
    const named = {
      sampled,
      advantage,
      list,
      share,
      weight,
      counted,
      ...(objective.klWeight > 0 ? { reference } : {}),
    };
    return {
      ...packedFeeds(batch),
      ...Object.fromEntries(Object.entries(named).map(([name, data]) => [name, { shape, data }])),
    };
  });
}

/** Mean over targets of the divergence of a student from its teacher, on the first `vocabulary` tokens. The teacher's parameters are prefixed. */
export function distillationObjective(
  student: ModelConfig,
  teacher: ModelConfig,
  settings: { divergence: DivergenceName; temperature: number; vocabulary: number } & MemorySettings,
) {
  const { divergence, temperature, vocabulary } = settings;
  return (p: Traced, x: Traced): { loss: Tensor; metrics: Traced } => {
    const both = [
      { config: student, parameters: p, temperature, vocabulary },
      { config: teacher, parameters: unprefixed(p, teacherPrefix), temperature, vocabulary },
    ];
    const [values, entropies] = targetFigures(both, x, settings, ([own, theirs]) => [
      divergences[divergence](own, theirs),
      entropyOf(own),
    ]);
    return { loss: sum(mul(values, x.weight)), metrics: { entropy: sum(mul(entropies, x.weight)) } };
  };
}

/** What the names of a teacher's parameters start with beside its student's. */
export const teacherPrefix = 'teacher/';

/** Mean cross-entropy of the targets, nats, under the model at a temperature (default 1). */
export function supervisedObjective(config: ModelConfig, settings: { temperature?: number } & MemorySettings = {}) {
  return (p: Traced, x: Traced): { loss: Tensor } => {
    const model = { config, parameters: p, temperature: settings.temperature ?? 1 };
    const [logprobs] = targetFigures([model], x, settings, ([logits], part) => [logProbAt(logits, part(x.target))]);
    return { loss: neg(sum(mul(logprobs, x.weight))) };
  };
}

/** Feeds of packed batches in which every target of the step weighs the same. */
export function uniformFeeds(batches: readonly PackedBatch[]): Feeds[] {
  const targets = batches.reduce((total, { pieces }) => total + pieces.reduce((sum, { length }) => sum + length, 0), 0);
  return batches.map((batch) => {
    const weight = new Float32Array(batch.targets);
    for (const { start, length } of batch.pieces) weight.fill(1 / Math.max(1, targets), start, start + length);
    return { ...packedFeeds(batch), weight: { shape: [batch.targets], data: weight } };
  });
}

/** The feeds that every objective reads. */
export function packedFeeds(batch: PackedBatch): Feeds {
  const { tokens, targets, groups, promptLength, lists, listLength } = batch;
  return {
    ids: { shape: [tokens], data: batch.ids },
    positions: { shape: [tokens], data: batch.positions },
    promptLengths: { shape: [groups], data: batch.promptLengths },
    promptAt: { shape: [groups, promptLength], data: batch.promptAt },
    inPrompts: { shape: [tokens], data: batch.inPrompts },
    ...(lists > 0 && {
      listAt: { shape: [groups, lists, listLength], data: batch.listAt },
      inLists: { shape: [tokens], data: batch.inLists },
    }),
    source: { shape: [targets], data: batch.source },
    target: { shape: [targets], data: batch.target },
  };
}

/** Scored groups as plain ones. */
export function tokenGroups(groups: readonly ScoredGroup[]): TokenGroup[] {
  return groups.map(({ prompt, completions }) => ({ prompt, completions: completions.map(({ tokens }) => tokens) }));
}

function unprefixed(p: Traced, prefix: string): Traced {
  return Object.fromEntries(
    Object.entries(p).flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [],
    ),
  );
}

function fitting(logprobs: Float32Array | undefined, length: number, which: string): Float32Array {
  if (logprobs?.length === length) return logprobs;
  throw new RangeError(`a list of ${length} tokens has ${logprobs?.length ?? 'no'} ${which} log-probabilities`);
}
