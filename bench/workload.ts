/** What every contender of a comparison is given: a folder with the models, the batch and the job, so that all compute the same. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../lib/random.ts';
import { type StoredTensor, writeSafetensors } from '../lib/store/safetensors.ts';
import { type LanguageModel, saveLanguageModel } from '../lib/tensor/language-model.ts';
import { type ModelConfig, parameterShapes } from '../lib/tensor/language-model-config.ts';
import { initialParameters } from '../lib/tensor/llama.ts';
import { openTokenizer } from '../lib/tensor/tokenizer.ts';
import { writeGguf } from './gguf.ts';

export type JobKind = 'train' | 'decode' | 'grpo' | 'distil' | 'products';

/** The numbers of a job; tokens are in batch.safetensors. */
export interface Job {
  kind: JobKind;
  student: ModelName;
  /** Of `distil`. */
  teacher: ModelName | null;
  threads: number;
  seed: number;
  learningRate: number;
  /** Prompts, lists of each, tokens of a prompt and of a list. For training: `prompts` rows of `promptLength` tokens. */
  prompts: number;
  samples: number;
  promptLength: number;
  listLength: number;
  /** Of `products` (comparisons.ts). */
  rows: number;
  tableRows: number;
  pass: 'decode' | 'forward' | 'training';
}

const llama = {
  family: 'llama',
  ropeTheta: 10000,
  rmsEpsilon: 1e-5,
  tiedEmbeddings: true,
  attentionBias: false,
  maxPositions: 2048,
} as const;

/** The models of the comparisons: that of the stated peer figures, SmolLM2-135M's shape, and a teacher four times the first. */
export const models = {
  '5.4M': {
    ...llama,
    vocabularySize: 4096,
    hiddenSize: 256,
    intermediateSize: 688,
    layers: 6,
    heads: 8,
    keyValueHeads: 4,
    headDim: 32,
  },
  '135M': {
    ...llama,
    vocabularySize: 49152,
    hiddenSize: 576,
    intermediateSize: 1536,
    layers: 30,
    heads: 9,
    keyValueHeads: 3,
    headDim: 64,
  },
  '21M': {
    ...llama,
    vocabularySize: 4096,
    hiddenSize: 512,
    intermediateSize: 1376,
    layers: 6,
    heads: 8,
    keyValueHeads: 4,
    headDim: 64,
  },
} as const satisfies Record<string, ModelConfig>;

export type ModelName = keyof typeof models;

/** AdamW as every contender is set up. */
export const adamw = { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0, gradientNorm: 1 } as const;

/** Token 0 ends a list; random tokens are others. */
export const STOP = 0;

export interface Batch {
  /** int32 [prompts, promptLength]. */
  prompts: Int32Array[];
  /** int32 [prompts · samples, listLength]: lists at hand, for checks. */
  completions: Int32Array[];
  /** Log-probabilities of their tokens when they were sampled, and an advantage a list. */
  sampled: Float32Array[];
  advantages: Float32Array;
}

/** Random tokens and numbers, a function of the job alone. */
export function batchOf(job: Job, vocabulary: number): Batch {
  const random = new Random('bench', job.kind, job.seed);
  const tokens = (length: number): Int32Array => Int32Array.from({ length }, () => 1 + random.integer(vocabulary - 1));
  const lists = job.prompts * job.samples;
  const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
  return {
    prompts: many(job.prompts, () => tokens(job.promptLength)),
    completions: many(lists, () => tokens(job.listLength)),
    sampled: many(lists, () => Float32Array.from({ length: job.listLength }, () => random.normal(-8.8, 0.3))),
    advantages: Float32Array.from({ length: lists }, () => random.normal()),
  };
}

/** A model with random weights. Its tokenizer has a character a token, so that text and tokens are the same thing to every contender. */
export function randomModel(name: ModelName): LanguageModel {
  const vocab = Object.fromEntries(Array.from({ length: 4096 }, (_, id) => [String.fromCodePoint(0x3400 + id), id]));
  const tokenizer = openTokenizer({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [{ id: STOP, content: String.fromCodePoint(0x3400 + STOP), special: true, ...plainToken }],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: { type: 'BPE', vocab, merges: [], dropout: null, unk_token: null, ...plainBpe },
  });
  const config: ModelConfig = { ...models[name] };
  return { config, parameters: initialParameters(config, 0), tokenizer };
}

const plainToken = { single_word: false, lstrip: false, rstrip: false, normalized: false };
const plainBpe = {
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
};

/** Writes job.json, batch.safetensors, student/, teacher/ where there is one, and student.gguf where a peer reads that. */
export function writeWorkload(folder: string, job: Job, { gguf }: { gguf: boolean }): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'job.json'), `${JSON.stringify({ ...job, adamw })}\n`);
  const model = randomModel(job.student);
  saveLanguageModel(model, join(folder, 'student'), { dtype: 'F32' });
  if (gguf) writeFileSync(join(folder, 'student.gguf'), writeGguf(model));
  if (job.teacher) saveLanguageModel(randomModel(job.teacher), join(folder, 'teacher'), { dtype: 'F32' });
  writeFileSync(join(folder, 'batch.safetensors'), writeSafetensors(storedBatch(job, model.config.vocabularySize)));
}

/** Weights of all matrix products of a forward pass, as [in, out], the table last. */
export function productShapes(config: ModelConfig): [number, number][] {
  const inBlocks = [...parameterShapes(config)].flatMap(([name, shape]): [number, number][] =>
    shape.length === 2 && name.startsWith('model.layers.') ? [[shape[1], shape[0]]] : [],
  );
  return [...inBlocks, [config.hiddenSize, config.vocabularySize]];
}

function storedBatch(job: Job, vocabulary: number): Map<string, StoredTensor> {
  const { prompts, completions, sampled, advantages } = batchOf(job, vocabulary);
  const stacked = (rows: readonly Int32Array[]): StoredTensor => ({
    dtype: 'I32',
    shape: [rows.length, rows[0]?.length ?? 0],
    data: Int32Array.from(rows.flatMap((row) => [...row])),
  });
  return new Map([
    ['prompts', stacked(prompts)],
    ['completions', stacked(completions)],
    [
      'sampled',
      {
        dtype: 'F32' as const,
        shape: [sampled.length, job.listLength],
        data: Float32Array.from(sampled.flatMap((row) => [...row])),
      },
    ],
    ['advantages', { dtype: 'F32' as const, shape: [advantages.length], data: advantages }],
  ]);
}
