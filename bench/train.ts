/**
 * Training speed: tokens a second and GFLOP/s of whole optimizer steps, beside ONNX Runtime's own MatMul in the same run.
 *
 *     node bench/train.ts [--threads 2] [--steps 5]
 */
import { parseArgs } from 'node:util';
import { Random } from '../lib/random.ts';
import { input } from '../lib/tensor/graph.ts';
import type { ModelConfig } from '../lib/tensor/language-model-config.ts';
import { initialParameters } from '../lib/tensor/llama.ts';
import { matmul } from '../lib/tensor/ops.ts';
import {
  policyFeeds,
  policyObjective,
  type ScoredGroup,
  supervisedObjective,
  tokenGroups,
  uniformFeeds,
} from '../lib/tensor/objectives.ts';
import { packGroups } from '../lib/tensor/packing.ts';
import { countParameters } from '../lib/tensor/parameters.ts';
import { compile } from '../lib/tensor/session.ts';
import { createTrainer } from '../lib/tensor/trainer.ts';

const { values: flags } = parseArgs({
  options: { threads: { type: 'string', default: '2' }, steps: { type: 'string', default: '5' } },
});
const threads = Number(flags.threads);
const steps = Number(flags.steps);

const config: ModelConfig = {
  family: 'llama',
  vocabularySize: 4096,
  hiddenSize: 256,
  intermediateSize: 704,
  layers: 6,
  heads: 8,
  keyValueHeads: 4,
  headDim: 32,
  ropeTheta: 10000,
  rmsEpsilon: 1e-5,
  tiedEmbeddings: true,
  attentionBias: false,
  maxPositions: 2048,
};
const adamw = { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0, gradientNorm: 1 } as const;
const random = new Random('bench');
const tokens = (length: number): Int32Array => Int32Array.from({ length }, () => random.integer(config.vocabularySize));
const median = (of: number[]): number => of.sort((a, b) => a - b)[Math.floor(of.length / 2)];

/** Median milliseconds of a run, after two to warm up. */
async function time(run: () => Promise<unknown>): Promise<number> {
  await run();
  await run();
  const all: number[] = [];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    await run();
    all.push(performance.now() - start);
  }
  return median(all);
}

/** GFLOP/s of one product whose operands are both fed. */
async function matmulSpeed(m: number, k: number, n: number): Promise<number> {
  const session = await compile({ y: matmul(input('a', [m, k]), input('b', [k, n])) }, { threads });
  const feeds = {
    a: { shape: [m, k], data: new Float32Array(m * k).fill(0.5) },
    b: { shape: [k, n], data: new Float32Array(k * n).fill(0.5) },
  };
  const into = { y: new Float32Array(m * n) };
  const ms = await time(() => session.run(feeds, into));
  await session.release();
  return (2 * m * k * n) / ms / 1e6;
}

const peak = await matmulSpeed(2048, 256, 704);
console.log(`ONNX Runtime MatMul 2048×256×704, ${threads} threads: ${peak.toFixed(0)} GFLOP/s`);

const parameters = initialParameters(config, 0);
const count = countParameters(parameters);
console.log(`model: ${(count / 1e6).toFixed(1)}M parameters`);

const supervised = Array.from({ length: 16 }, () => ({ prompt: tokens(1), completions: [tokens(127)] }));
const groups: ScoredGroup[] = Array.from({ length: 8 }, () => ({
  prompt: tokens(120),
  completions: Array.from({ length: 8 }, () => ({
    tokens: tokens(16 + random.integer(17)),
    logprobs: new Float32Array(0),
    advantage: random.normal(),
    masked: false,
  })).map((one) => ({ ...one, logprobs: new Float32Array(one.tokens.length).fill(-8.3) })),
}));
const policy = {
  loss: 'dr_grpo',
  clipLow: 0.2,
  clipHigh: 0.2,
  klWeight: 0,
  maxListTokens: 48,
  temperature: 0.6,
} as const;
const batches = packGroups(tokenGroups(groups), 4096);
const workloads = {
  'supervised, 16 rows of 128 tokens': {
    loss: supervisedObjective(config),
    feeds: uniformFeeds(packGroups(supervised, 2048)),
    used: 16 * 128,
    predicted: 16 * 127,
  },
  'policy, 8 groups of 8 lists of 16-32 tokens after 120': {
    loss: policyObjective(config, policy),
    feeds: policyFeeds(batches, groups, policy),
    used: batches.reduce((n, { segment }) => n + segment.filter((s) => s >= 0).length, 0),
    predicted: groups.reduce((n, { completions }) => n + completions.reduce((m, one) => m + one.tokens.length, 0), 0),
  },
};
for (const [name, { loss, feeds, used, predicted }] of Object.entries(workloads)) {
  const trainer = createTrainer({ parameters, loss, adamw, threads });
  const ones = feeds.map(() => 1);
  const start = performance.now();
  await trainer.step(feeds, 1e-4, ones);
  const first = performance.now() - start;
  const ms = await time(() => trainer.step(feeds, 1e-4, ones));
  // Forward and backward: 6 operations a weight and token; the table works on predicted tokens only.
  const table = config.vocabularySize * config.hiddenSize;
  const flops = 6 * ((count - table) * used + table * predicted);
  const speed = flops / ms / 1e6;
  console.log(
    `${name}: ${ms.toFixed(0)} ms a step, ${((used / ms) * 1000).toFixed(0)} tokens/s, ${speed.toFixed(0)} GFLOP/s of weights, ` +
      `${(speed / peak).toFixed(2)} of MatMul; ${feeds.length} micro-batches of [${feeds[0].ids.shape}]; first step ${first.toFixed(0)} ms`,
  );
  await trainer.release();
}
console.log(`peak resident memory: ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);
