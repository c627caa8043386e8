/** The method against its references. Errors are absolute, relative where values exceed 1. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import beta from '@stdlib/stats-base-dists-beta';
import normal from '@stdlib/stats-base-dists-normal';
import studentT from '@stdlib/stats-base-dists-t';
import { forwardKl, jensenShannon, logSoftmax, reverseKl } from '../../lib/method/distillation.ts';
import { alwaysValidP, cuped, sampleSize, srmP, twoProportions } from '../../lib/method/experiment.ts';
import { advantagesOf } from '../../lib/method/grpo.ts';
import * as metrics from '../../lib/method/metrics.ts';
import { benjaminiHochberg, holm } from '../../lib/method/multiple-tests.ts';
import { pairedT, welch, wilcoxon } from '../../lib/method/statistics.ts';
import { readSafetensors, type StoredTensor } from '../../lib/store/safetensors.ts';
import type { Comparison } from './comparison.ts';

/** ranking.json: every metric of every reader, and the means. */
export function rankingComparisons(folder: string): Comparison[] {
  const reference = readJson<RankingReference>(folder, 'ranking.json');
  const at: Record<string, (ranked: string[], relevant: string[], k: number) => number> = {
    recall: metrics.recallAt,
    ndcg: metrics.ndcgAt,
    hit_rate: metrics.hitRateAt,
    mrr: metrics.reciprocalRank,
    precision: metrics.precisionAt,
    map: metrics.averagePrecisionAt,
  };
  // ranx returns readers in the order of their names (q0, q1, q10, q11 …); the table of readers is in the order of their numbers.
  const readers = reference.readers
    .map((reader, i) => ({ ...reader, name: `q${i}` }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return Object.entries(reference.per_reader).flatMap(([name, expected]) => {
    const [metric, k] = name.split('@');
    const ours = readers.map(({ ranked, relevant }) =>
      at[metric](ranked, relevant, k === undefined ? ranked.length : Number(k)),
    );
    const mean = ours.reduce((sum, value) => sum + value, 0) / ours.length;
    return [
      { what: `ranking ${name}, each reader`, error: errorOf(ours, expected), tolerance: 1e-9 },
      { what: `ranking ${name}, mean`, error: errorOf([mean], [reference.mean[name]]), tolerance: 1e-9 },
    ];
  });
}

/** experiment.json. */
export function experimentComparisons(folder: string): Comparison[] {
  const reference = readJson<ExperimentReference>(folder, 'experiment.json');
  const comparisons: Comparison[] = [];
  const compare = (what: string, ours: number[], expected: number[], tolerance = 1e-9): void => {
    comparisons.push({ what: `experiment ${what}`, error: errorOf(ours, expected), tolerance });
  };
  for (const { observed, weights, p } of reference.srm)
    compare(`SRM p of ${observed.join(':')}`, [srmP(observed, weights)], [p]);
  for (const { treatment, control, z, p_two_sided, diff_ci95_wald } of reference.two_proportion) {
    const ours = twoProportions(treatment, control);
    compare(
      `two proportions ${treatment.join('/')}: z, p, interval`,
      [ours.z, ours.p, ours.low, ours.high],
      [z, p_two_sided, ...diff_ci95_wald],
    );
  }
  const w = reference.welch;
  const ours = welch(w.a, w.b);
  compare('Welch t, df, p, interval', [ours.t, ours.df, ours.p, ours.low, ours.high], [w.t, w.df, w.p, ...w.ci95]);
  const c = reference.cuped;
  const adjusted = cuped(c.pre, c.post, c.arm);
  compare(
    'CUPED theta, difference, t, p, variance reduction',
    [adjusted.theta, adjusted.difference, adjusted.t, adjusted.p, adjusted.varianceReduction],
    [c.theta, c.diff, c.t, c.p, c.variance_reduction],
  );
  for (const { base_rate, relative_lift, alpha, power, n_per_arm_arcsine } of reference.power) {
    const n = sampleSize({ baseRate: base_rate, relativeLift: relative_lift, alpha, power });
    compare(`sample size for ${base_rate} + ${relative_lift}`, [n], [n_per_arm_arcsine]);
  }
  const { p, holm: holmP, bh } = reference.corrections;
  compare('Holm', holm(p), holmP);
  compare('Benjamini-Hochberg', benjaminiHochberg(p), bh);
  const { a, b, t_p, wilcoxon_p } = reference.paired;
  compare('paired t', [pairedT(a, b).p], [t_p]);
  compare('Wilcoxon', [wilcoxon(a, b)], [wilcoxon_p]);
  const { quantiles } = reference;
  for (const [q, x] of Object.entries(quantiles.normal))
    compare(`normal quantile ${q}`, [normal.quantile(Number(q), 0, 1)], [x], 1e-8);
  for (const { df, q, x } of quantiles.t) compare(`t quantile ${q}, df ${df}`, [studentT.quantile(q, df)], [x], 1e-8);
  for (const { a, b, q, x } of quantiles.beta)
    compare(`beta(${a}, ${b}) quantile ${q}`, [beta.quantile(q, a, b)], [x], 1e-8);
  for (const { mean, n, s2, tau2, p_always_valid } of reference.msprt) {
    compare(
      `always-valid p of mean ${mean}, n ${n}`,
      [alwaysValidP({ mean, n, variance: s2, mixtureVariance: tau2 })],
      [p_always_valid],
    );
  }
  return comparisons;
}

/** grpo/*: the advantages of the five rewards (float32 there). */
export function advantageComparisons(folder: string): Comparison[] {
  const variants = ['dr_grpo', 'dr_grpo-clip-higher', 'dr_grpo-kl', 'grpo', 'dapo', 'gspo'] as const;
  return variants.map((variant) => {
    const tensors = readSafetensors(join(folder, 'grpo', `${variant}.safetensors`));
    const { group_size: group } = readJson<{ group_size: number }>(folder, `grpo/${variant}.json`);
    const rewards = rowsOf(tensors.get('rewards'));
    const totals = Float64Array.from(rewards, (row) => row.reduce((sum, reward) => sum + reward, 0));
    const [loss] = variant.split('-') as ['dr_grpo' | 'grpo' | 'dapo' | 'gspo'];
    const advantages = advantagesOf[loss](totals, group);
    const expected = tensors.get('advantages')?.data as Float32Array;
    return { what: `advantages ${variant}`, error: errorOf(advantages, expected), tolerance: 1e-5 };
  });
}

/** distill: the mean over unmasked tokens of each divergence (float32 there). */
export function divergenceComparisons(folder: string): Comparison[] {
  const tensors = readSafetensors(join(folder, 'distill.safetensors'));
  const { values } = readJson<{ values: Record<string, { loss: number; temperature: number }> }>(
    folder,
    'distill.json',
  );
  const student = rowsOf(tensors.get('student_logits'));
  const teacher = rowsOf(tensors.get('teacher_logits'));
  const unmasked = Array.from(tensors.get('mask')?.data ?? [], Number);
  const divergences = [
    { name: 'reverse_kl', of: reverseKl },
    { name: 'reverse_kl_t2', of: reverseKl },
    { name: 'forward_kl', of: forwardKl },
    { name: 'jsd_0.5', of: jensenShannon },
  ];
  return divergences.map(({ name, of }) => {
    const { loss, temperature } = values[name];
    const tokens = student
      .map((logits, i) => of(logSoftmax(logits, temperature), logSoftmax(teacher[i], temperature)))
      .filter((_, i) => unmasked[i] === 1);
    const mean = tokens.reduce((sum, divergence) => sum + divergence, 0) / tokens.length;
    return { what: `divergence ${name}`, error: errorOf([mean], [loss]), tolerance: 1e-5 };
  });
}

interface RankingReference {
  readers: { ranked: string[]; relevant: string[] }[];
  per_reader: Record<string, number[]>;
  mean: Record<string, number>;
}

type Arm = [number, number];

interface ExperimentReference {
  srm: { observed: number[]; weights: number[]; p: number }[];
  two_proportion: { treatment: Arm; control: Arm; z: number; p_two_sided: number; diff_ci95_wald: Arm }[];
  welch: { a: number[]; b: number[]; t: number; df: number; p: number; ci95: Arm };
  cuped: {
    pre: number[];
    post: number[];
    arm: number[];
    theta: number;
    diff: number;
    t: number;
    p: number;
    variance_reduction: number;
  };
  power: { base_rate: number; relative_lift: number; alpha: number; power: number; n_per_arm_arcsine: number }[];
  corrections: { p: number[]; holm: number[]; bh: number[] };
  paired: { a: number[]; b: number[]; t_p: number; wilcoxon_p: number };
  quantiles: {
    normal: Record<string, number>;
    t: { df: number; q: number; x: number }[];
    beta: { a: number; b: number; q: number; x: number }[];
  };
  msprt: { mean: number; n: number; s2: number; tau2: number; p_always_valid: number }[];
}

function readJson<T>(folder: string, file: string): T {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as T;
}

function rowsOf(tensor: StoredTensor | undefined): Float32Array[] {
  if (!tensor) throw new Error('the reference lacks a tensor');
  const data = tensor.data as Float32Array;
  const width = tensor.shape[tensor.shape.length - 1];
  return Array.from({ length: data.length / width }, (_, i) => data.subarray(i * width, (i + 1) * width));
}

function errorOf(ours: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (ours.length !== expected.length) return Number.NaN;
  return Array.from(ours, (value, i) => Math.abs(value - expected[i]) / Math.max(1, Math.abs(expected[i]))).reduce(
    (most, error) => (error > most || Number.isNaN(error) ? error : most),
    0,
  );
}
