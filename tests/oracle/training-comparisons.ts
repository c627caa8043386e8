/** Losses, gradients and the optimizer against TRL and PyTorch. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors, type StoredTensor } from '../../lib/store/safetensors.ts';
import { gradients } from '../../lib/tensor/gradient.ts';
import { input } from '../../lib/tensor/graph.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { type DivergenceName, divergences, type PolicyLossName } from '../../lib/tensor/losses.ts';
import {
  type PolicyObjective,
  policyFeeds,
  policyObjective,
  type ScoredGroup,
  supervisedObjective,
  tokenGroups,
  uniformFeeds,
} from '../../lib/tensor/objectives.ts';
import { mul, sum } from '../../lib/tensor/ops.ts';
import { packGroups } from '../../lib/tensor/packing.ts';
import { compile } from '../../lib/tensor/session.ts';
import { createTrainer } from '../../lib/tensor/trainer.ts';
import { type Comparison, largestError, numbersOf } from './comparison.ts';

/** grpo/VARIANT: loss and the gradient of every parameter, however the lists are packed. */
export async function policyComparisons(folder: string): Promise<Comparison[]> {
  const variants = readdirSync(join(folder, 'grpo')).flatMap((file) => /^(.*)\.json$/.exec(file)?.[1] ?? []);
  return (await Promise.all(variants.sort().map((variant) => policyOf(folder, variant)))).flat();
}

interface PolicyReference {
  model: string;
  loss: number;
  loss_type: PolicyLossName;
  max_completion_length: number;
  epsilon: number;
  epsilon_high?: number;
  delta?: number;
  beta?: number;
  importance_sampling_level?: string;
}

async function policyOf(folder: string, variant: string): Promise<Comparison[]> {
  const reference = readJson<PolicyReference>(folder, `grpo/${variant}.json`);
  const stored = readSafetensors(join(folder, 'grpo', `${variant}.safetensors`));
  const objective: PolicyObjective = {
    loss: reference.importance_sampling_level === 'sequence' ? 'gspo' : reference.loss_type,
    clipLow: reference.epsilon,
    clipHigh: reference.epsilon_high ?? reference.epsilon,
    delta: reference.delta ?? null,
    klWeight: reference.beta ?? 0,
    maxListTokens: reference.max_completion_length,
    temperature: 1,
  };
  const { config, parameters } = loadLanguageModel(join(folder, 'models', reference.model));
  const lists = readLists(stored, objective.klWeight > 0);
  const packings = [
    { name: 'packed groups', groups: groupsOfPrompts(lists), tokens: 4096 },
    { name: 'one list a row', groups: lists, tokens: 4096 },
    { name: 'micro-batches', groups: groupsOfPrompts(lists), tokens: 64 },
  ];
  const comparisons: Comparison[] = [];
  for (const { name, groups, tokens } of packings) {
    const trainer = createTrainer({
      parameters,
      loss: policyObjective(config, objective),
      adamw: { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0, gradientNorm: null },
      threads: 1,
    });
    let loss = 0;
    const sums = new Map<string, Float64Array>();
    for (const feeds of policyFeeds(packGroups(tokenGroups(groups), tokens), groups, objective)) {
      const part = await trainer.gradients(feeds);
      loss += part.loss;
      for (const [parameter, gradient] of part.gradients) {
        const total = sums.get(parameter) ?? new Float64Array(gradient.length);
        gradient.forEach((g, i) => {
          total[i] += g;
        });
        sums.set(parameter, total);
      }
    }
    await trainer.release();
    const expected = [...stored.keys()].filter((key) => key.startsWith('grad.'));
    const errors = expected.map((key) => largestError(sums.get(key.slice(5)) ?? [], numbersOf(stored, key)).relative);
    comparisons.push(
      { what: `${variant}, ${name}: loss`, error: Math.abs(loss - reference.loss), tolerance: 1e-5 },
      {
        what: `${variant}, ${name}: ${expected.length} gradients, relative`,
        error: Math.max(...errors),
        tolerance: 1e-4,
      },
    );
  }
  return comparisons;
}

function readLists(stored: ReadonlyMap<string, StoredTensor>, withReference: boolean): ScoredGroup[] {
  const mask = numbersOf(stored, 'completion_mask');
  const rowsOf = (name: string): number[][] => maskedRows(stored, name, mask);
  const prompts = maskedRows(stored, 'prompt_ids', numbersOf(stored, 'prompt_mask'));
  const tokens = rowsOf('completion_ids');
  const sampled = rowsOf('old_per_token_logps');
  const references = withReference ? rowsOf('ref_per_token_logps') : [];
  const advantages = numbersOf(stored, 'advantages');
  return prompts.map((prompt, i) => ({
    prompt: Int32Array.from(prompt),
    completions: [
      {
        tokens: Int32Array.from(tokens[i]),
        logprobs: Float32Array.from(sampled[i]),
        advantage: advantages[i],
        masked: false,
        reference: references[i] && Float32Array.from(references[i]),
      },
    ],
  }));
}

/** The rows of a [rows, width] tensor, each cut to where its mask is 1. */
function maskedRows(stored: ReadonlyMap<string, StoredTensor>, name: string, mask: readonly number[]): number[][] {
  const values = numbersOf(stored, name);
  const width = stored.get(name)?.shape[1] as number;
  return Array.from({ length: values.length / width }, (_, row) =>
    values.slice(row * width, (row + 1) * width).filter((__, i) => mask[row * width + i] === 1),
  );
}

/** Neighbours with the same prompt as one group. */
function groupsOfPrompts(lists: readonly ScoredGroup[]): ScoredGroup[] {
  const groups: ScoredGroup[] = [];
  for (const { prompt, completions } of lists) {
    const last = groups.at(-1);
    if (last && last.prompt.join() === prompt.join()) {
      groups[groups.length - 1] = { prompt, completions: [...last.completions, ...completions] };
    } else groups.push({ prompt, completions });
  }
  return groups;
}

interface AdamwReference {
  model: string;
  betas: [number, number];
  eps: number;
  weight_decay: number;
  clip_norm: number;
  steps: { step: number; lr: number; loss: number; grad_norm_before_clip: number }[];
}

/** How far a parameter may be from PyTorch's after a step, beside what rounding may do to it. */
const ALLOWED = 1e-5;

/** adamw: losses, gradient norms and parameters after each step. */
export async function adamwComparisons(folder: string): Promise<Comparison[]> {
  const reference = readJson<AdamwReference>(folder, 'adamw.json');
  const { betas, eps, weight_decay: weightDecay, clip_norm: gradientNorm } = reference;
  const stored = readSafetensors(join(folder, 'adamw.safetensors'));
  const { config, parameters } = loadLanguageModel(join(folder, 'models', reference.model));
  const trainer = createTrainer({
    parameters,
    loss: supervisedObjective(config),
    adamw: { betas, epsilon: eps, weightDecay, gradientNorm },
    threads: 1,
  });
  const ids = numbersOf(stored, 'input_ids');
  const [rows, width] = stored.get('input_ids')!.shape as [number, number];
  const groups = Array.from({ length: rows }, (_, row) => ({
    prompt: Int32Array.of(ids[row * width]),
    completions: [Int32Array.from(ids.slice(row * width + 1, (row + 1) * width))],
  }));
  const comparisons: Comparison[] = [];
  const allowed = new Map(
    [...parameters].map(([name, { data }]) => [name, new Float64Array(data.length).fill(ALLOWED)]),
  );
  for (const { step, lr, loss, grad_norm_before_clip: norm } of reference.steps) {
    const feeds = uniformFeeds(packGroups(groups, 64));
    const result = await trainer.step(
      feeds,
      lr,
      feeds.map(() => 1),
    );
    const { first, second } = trainer.state();
    // What float32 leaves open of every gradient: half a unit in the last place of the largest. Where a gradient is hardly more than
    // that (the key biases: softmax does not feel them), Adam divides it by itself, and the parameter moves by what is left open.
    const largest = Math.max(
      ...[...first.values()].map(({ data }) => data.reduce((m, x) => Math.max(m, Math.abs(x)), 0)),
    );
    const open = (2 ** -24 * largest) / (1 - betas[0] ** step);
    let worst = 0;
    let wide = 0;
    let all = 0;
    for (const [name, { data }] of parameters) {
      const expected = numbersOf(stored, `step${step}.${name}`);
      const square = second.get(name)?.data as Float32Array;
      const limit = allowed.get(name) as Float64Array;
      all += data.length;
      for (const [i, value] of data.entries()) {
        limit[i] += (lr * open) / (Math.sqrt(square[i] / (1 - betas[1] ** step)) + eps);
        worst = Math.max(worst, Math.abs(value - expected[i]) / limit[i]);
        wide += Number(limit[i] > 2 * ALLOWED);
      }
    }
    comparisons.push(
      { what: `AdamW step ${step}: loss`, error: Math.abs(result.loss - loss), tolerance: 1e-5 },
      { what: `AdamW step ${step}: gradient norm`, error: Math.abs(result.gradientNorm - norm), tolerance: 1e-4 },
      {
        what: `AdamW step ${step}: parameters, as a share of 1e-5 and what rounding may do`,
        error: worst,
        tolerance: 1,
      },
      { what: `AdamW step ${step}: share that rounding may move by as much`, error: wide / all, tolerance: 1e-2 },
    );
  }
  await trainer.release();
  return comparisons;
}

const divergenceNames: Record<string, DivergenceName> = {
  reverse_kl: 'reverse_kl',
  forward_kl: 'forward_kl',
  'jsd_0.5': 'jsd',
  reverse_kl_t2: 'reverse_kl',
};

/** distill: loss and gradient of the student's logits. */
export async function distillationComparisons(folder: string): Promise<Comparison[]> {
  const { values } = readJson<{ values: Record<string, { loss: number; temperature: number }> }>(
    folder,
    'distill.json',
  );
  const stored = readSafetensors(join(folder, 'distill.safetensors'));
  const [rows, length, vocabulary] = stored.get('student_logits')!.shape as [number, number, number];
  const shape = [rows * length, vocabulary];
  const mask = numbersOf(stored, 'mask');
  const unmasked = mask.reduce((total, m) => total + m, 0);
  const comparisons = Object.entries(values).map(async ([label, { loss, temperature }]) => {
    const [student, teacher, weight] = [input('student', shape), input('teacher', shape), input('weight', [shape[0]])];
    const divergence = divergences[divergenceNames[label]](
      mul(student, 1 / temperature),
      mul(teacher, 1 / temperature),
    );
    const value = sum(mul(divergence, weight));
    const [gradient] = gradients(value, [student]);
    const session = await compile({ value, gradient }, { threads: 1 });
    const actual = await session.run({
      student: { shape, data: Float32Array.from(numbersOf(stored, 'student_logits')) },
      teacher: { shape, data: Float32Array.from(numbersOf(stored, 'teacher_logits')) },
      weight: { shape: [shape[0]], data: Float32Array.from(mask, (m) => m / unmasked) },
    });
    await session.release();
    const { relative } = largestError(actual.gradient as Float32Array, numbersOf(stored, `grad.${label}`));
    return [
      { what: `distillation ${label}: loss`, error: Math.abs(Number(actual.value[0]) - loss), tolerance: 1e-5 },
      { what: `distillation ${label}: gradient, relative`, error: relative, tolerance: 1e-4 },
    ];
  });
  return (await Promise.all(comparisons)).flat();
}

function readJson<T>(folder: string, file: string): T {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as T;
}
