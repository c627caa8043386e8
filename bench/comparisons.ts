/** What is compared with what, by how much each side may differ, and what we aim for. */
import type { PeerName } from './peers.ts';
import type { Tolerance } from './pairs.ts';
import { type Job, type ModelName, models, productShapes } from './workload.ts';

/** So many runs of the products of so many rows with every weight (`tableRows` with the table), forward alone or with their gradients. */
export interface Products {
  rows: number;
  tableRows: number;
  pass: 'decode' | 'forward' | 'training';
  runs: number;
}

/** One row of the table: one job, ours and its peers'. */
export interface Comparison {
  title: string;
  job: Job;
  /** The program in bench/peers of each peer, and how many times as fast as it we aim to be; null: no aim. */
  against: Readonly<Partial<Record<PeerName, { program: string; target: number | null }>>>;
  /** How far a peer's numbers may be from ours before it is no comparison. */
  tolerances: Readonly<Record<string, Tolerance>>;
  /** Tokens that a run is said to take or make. */
  tokens: number;
  /** Floating-point operations of the weights in a run, and the products that do as many rows of them at their best (none: not measured). */
  flops: number;
  limits: readonly Products[];
  /** Share of ONNX Runtime's MatMul that we aim for. */
  shareTarget: number | null;
}

/** The oracle's: losses to 1e-5 (of about 8 nats), log-probabilities to 1e-4. */
const stepTolerances = { loss: { absolute: 1e-5, relative: 1e-6 }, gradient_norm: { relative: 1e-4 } };
const listTolerances = { tokens: {}, logprobs: { absolute: 1e-4 } };

/** What can be measured apart, in the order of a whole run. */
export const partNames = ['train', 'train-135M', 'decode', 'decode-135M', 'grpo', 'distil'] as const;
export type PartName = (typeof partNames)[number];

export function isPartName(name: string): name is PartName {
  return (partNames as readonly string[]).includes(name);
}

export function comparisonsOf(part: PartName, threads: number): Comparison[] {
  const small = {
    student: '5.4M',
    teacher: null,
    threads,
    seed: 0,
    learningRate: 1e-4,
    prompts: 8,
    samples: 8,
  } as const;
  const lists = { promptLength: 192, listLength: 48 };
  const products = { rows: 0, tableRows: 0, pass: 'forward' } as const;
  const group = 192 + 8 * 48;
  switch (part) {
    case 'train':
      return [
        training(
          { ...small, ...products, kind: 'train', prompts: 16, samples: 1, promptLength: 128, listLength: 1 },
          0.65,
        ),
      ];
    case 'train-135M':
      return [
        training(
          {
            ...small,
            ...products,
            kind: 'train',
            student: '135M',
            prompts: 4,
            samples: 1,
            promptLength: 256,
            listLength: 1,
          },
          0.8,
        ),
      ];
    case 'decode':
    case 'decode-135M':
      return [1, 8, 64].map((count) =>
        decoding({
          ...small,
          ...products,
          kind: 'decode',
          student: part === 'decode' ? '5.4M' : '135M',
          prompts: Math.ceil(count / 8),
          samples: Math.min(count, 8),
          promptLength: 192,
          listLength: part === 'decode' ? 48 : 16,
        }),
      );
    case 'grpo':
      return [
        {
          title: 'GRPO step, 8 prompts × 8 lists, 5.4M',
          job: { ...small, ...lists, ...products, kind: 'grpo' },
          against: { torch: { program: 'torch_grpo.py', target: 1.5 }, trl: { program: 'trl_grpo.py', target: 8 } },
          tolerances: stepTolerances,
          tokens: 64 * 48,
          // Prompts once and lists once forward to sample; forward and backward to learn.
          flops: flopsOf('5.4M', 8 * 192 + 64 * 47, 64 * 47 + 8) + 3 * flopsOf('5.4M', 8 * group, 64 * 48),
          limits: [
            { rows: 8 * 192, tableRows: 8, pass: 'forward', runs: 1 },
            { rows: 64, tableRows: 64, pass: 'decode', runs: 47 },
            { rows: 8 * group, tableRows: 64 * 48, pass: 'training', runs: 1 },
          ],
          shareTarget: null,
        },
      ];
    case 'distil':
      return [
        {
          title: 'distillation step, 8 prompts × 8 lists, 21M → 5.4M',
          job: { ...small, ...lists, ...products, kind: 'distil', teacher: '21M' },
          against: { trl: { program: 'trl_gkd.py', target: null } },
          tolerances: { loss: stepTolerances.loss },
          tokens: 64 * 48,
          flops:
            flopsOf('5.4M', 8 * 192 + 64 * 47, 64 * 47 + 8) +
            3 * flopsOf('5.4M', 8 * group, 64 * 48) +
            flopsOf('21M', 8 * group, 64 * 48),
          limits: [],
          shareTarget: null,
        },
      ];
  }
}

function training(job: Job, shareTarget: number): Comparison {
  const tokens = job.prompts * (job.promptLength - 1);
  return {
    title: `training step, ${job.prompts} rows of ${job.promptLength} tokens, ${job.student}`,
    job,
    against: { torch: { program: 'torch_train.py', target: null } },
    tolerances: stepTolerances,
    tokens,
    flops: 3 * flopsOf(job.student, tokens, tokens),
    limits: [{ rows: tokens, tableRows: tokens, pass: 'training', runs: 1 }],
    shareTarget,
  };
}

function decoding(job: Job): Comparison {
  const lists = job.prompts * job.samples;
  const isLarge = job.student === '135M';
  return {
    title: `decoding ${lists} ${lists === 1 ? 'list' : 'lists'}, ${job.student}`,
    job,
    against: {
      torch: { program: 'torch_decode.py', target: lists === 64 ? 2 : null },
      'llama.cpp': { program: 'llama_cpp.ts', target: lists === 64 && isLarge ? 1.2 : null },
    },
    tolerances: listTolerances,
    tokens: lists * job.listLength,
    flops: flopsOf(job.student, lists, lists) * job.listLength,
    limits: [{ rows: lists, tableRows: lists, pass: 'decode', runs: job.listLength }],
    shareTarget: null,
  };
}

/** Multiplications and additions with the weights of one forward pass: 2 a weight and row, the table's on their own rows. */
function flopsOf(model: ModelName, rows: number, tableRows: number): number {
  const shapes = productShapes(models[model]);
  return shapes.reduce((sum, [k, n], i) => sum + 2 * k * n * (i === shapes.length - 1 ? tableRows : rows), 0);
}
