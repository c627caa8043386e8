/** Our side of every comparison: `node bench/ours.ts FOLDER` (serve.ts). Each job uses the engine as the pipeline does. */
import { join } from 'node:path';
import { centredAdvantages } from '../lib/method/grpo.ts';
import { createDecoder, type GenerateRequest } from '../lib/tensor/decoder.ts';
import { input } from '../lib/tensor/graph.ts';
import { type LanguageModel, loadLanguageModel } from '../lib/tensor/language-model.ts';
import { createDistiller, createPolicyLearner, createSupervised, type ScoredGroup } from '../lib/tensor/learner.ts';
import { matmul } from '../lib/tensor/ops.ts';
import { drawToken, probabilitiesOf } from '../lib/tensor/sampling.ts';
import { compile } from '../lib/tensor/session.ts';
import { Random, uniformAt } from '../lib/random.ts';
import { spreadOf } from './pairs.ts';
import { type Prepared, serve } from './serve.ts';
import { adamw, type Batch, batchOf, type Job, type JobKind, productShapes } from './workload.ts';

type Prepare = (job: Job, model: LanguageModel, batch: Batch, folder: string) => Promise<Prepared>;

const jobs: Record<JobKind, Prepare> = { train, decode, grpo, distil, products };

/** A step on rows of tokens, each the target of the one before. */
async function train({ threads, learningRate }: Job, model: LanguageModel, { prompts }: Batch): Promise<Prepared> {
  const learner = await createSupervised(model, { adamw, threads });
  const examples = prompts.map((row) => ({ prompt: row.subarray(0, 1), completion: row.subarray(1) }));
  const first = await learner.step(examples, learningRate);
  const second = await learner.step(examples, learningRate);
  return {
    check: { loss: [first.loss, second.loss], gradient_norm: [first.gradient_norm, second.gradient_norm] },
    run: async () => ({ milliseconds: (await timed(() => learner.step(examples, learningRate))).milliseconds }),
  };
}

/** All but the first token of each list: the time of a whole generation less that of one that ends after one token. */
async function decode(job: Job, model: LanguageModel, { prompts }: Batch): Promise<Prepared> {
  const { threads, samples, listLength } = job;
  const decoder = createDecoder(model, { threads });
  const request = sampling(job, prompts, 0);
  const [[greedy]] = await decoder.generate({
    ...request,
    prompts: prompts.slice(0, 1),
    samples: 1,
    temperature: 0,
    maxTokens: CHECKED_TOKENS,
  });
  const lists = prompts.length * samples;
  // Compiles what the timed turns run, as the peers do before theirs.
  await decoder.generate({ ...request, maxTokens: listLength + 1 });
  return {
    check: { tokens: [...greedy.tokens], logprobs: [...greedy.logprobs] },
    figures: { drawing: drawMs(model.config.vocabularySize) * lists * listLength },
    run: async () => {
      const one = await timed(() => decoder.generate({ ...request, maxTokens: 1 }));
      const all = await timed(() => decoder.generate({ ...request, maxTokens: listLength + 1 }));
      return { milliseconds: all.milliseconds - one.milliseconds, prefill: one.milliseconds };
    },
  };
}

/** Tokens of the greedy list that contenders must agree on. */
const CHECKED_TOKENS = 8;

/** A round: lists by the weights as they are, rewards, advantages, one optimizer step. */
async function grpo(job: Job, model: LanguageModel, batch: Batch): Promise<Prepared> {
  const { threads, samples, learningRate, listLength } = job;
  const learner = await createPolicyLearner(model, {
    adamw,
    threads,
    loss: 'dr_grpo',
    clipLow: 0.2,
    clipHigh: 0.2,
    klWeight: 0,
    maxListTokens: listLength,
    temperature: 1,
  });
  const checked = await learner.update(groupsAtHand(batch, samples), 0);
  const decoder = createDecoder(model, { threads });
  let round = 0;
  const step = async (): Promise<Record<string, number>> => {
    const rollout = await timed(() => decoder.generate(sampling(job, batch.prompts, round++)));
    await decoder.refresh();
    const lists = rollout.result;
    const rewards = Float64Array.from(lists.flat(), ({ tokens }) => shareOfEven(tokens));
    const advantages = centredAdvantages(rewards, samples);
    const groups = lists.map((group, i) => ({
      prompt: batch.prompts[i],
      completions: group.map(({ tokens, logprobs }, sample) => {
        return { tokens, logprobs, advantage: advantages[i * samples + sample], masked: false };
      }),
    }));
    const update = await timed(() => learner.update(groups, learningRate));
    return { rollout: rollout.milliseconds, update: update.milliseconds };
  };
  await step();
  return {
    check: { loss: [checked.loss], gradient_norm: [checked.gradient_norm] },
    figures: { compiling: await firstRunMs(model, { ...sampling(job, batch.prompts, 0), maxTokens: 2 }, threads) },
    run: async () => {
      const { milliseconds, result } = await timed(step);
      return { milliseconds, ...result };
    },
  };
}

/** The student writes a list for each prompt and learns from its teacher on them. */
async function distil(job: Job, model: LanguageModel, batch: Batch, folder: string): Promise<Prepared> {
  const { threads, learningRate, samples } = job;
  const teacher = loadLanguageModel(join(folder, 'teacher'));
  const distiller = await createDistiller(model, teacher, { adamw, threads, divergence: 'reverse_kl', temperature: 1 });
  const checked = await distiller.step(
    groupsAtHand(batch, samples).map(({ prompt, completions }) => {
      return { prompt, completions: completions.map(({ tokens }) => tokens) };
    }),
    0,
  );
  const decoder = createDecoder(model, { threads });
  let round = 0;
  const step = async (): Promise<Record<string, number>> => {
    const rollout = await timed(() => decoder.generate(sampling(job, batch.prompts, round++)));
    await decoder.refresh();
    const groups = rollout.result.map((lists, i) => {
      return { prompt: batch.prompts[i], completions: lists.map(({ tokens }) => tokens) };
    });
    const update = await timed(() => distiller.step(groups, learningRate));
    return { rollout: rollout.milliseconds, update: update.milliseconds };
  };
  await step();
  return {
    check: { loss: [checked.loss] },
    run: async () => {
      const { milliseconds, result } = await timed(step);
      return { milliseconds, ...result };
    },
  };
}

/**
 * ONNX Runtime's own products with every weight of the model, once: what nothing built on it can beat. Weights are part of the graph, as in
 * decoding (all of them, since they come from memory), or fed, as in training (each distinct shape once, times its count; with the two
 * products of its gradient). A shape has a session of its own, which is gone before the next begins: threads of idle ones would spin.
 */
async function products({ threads, rows, tableRows, pass }: Job, { config }: LanguageModel): Promise<Prepared> {
  const shapes = productShapes(config).map(([k, n], i, all) => ({ k, n, m: i === all.length - 1 ? tableRows : rows }));
  const distinct = Map.groupBy(shapes, ({ k, n, m }) => `${m} ${k} ${n}`);
  /** Any numbers will do; drawing as many takes longer than the products. */
  const numbers = (length: number): Float32Array => {
    const data = new Float32Array(length);
    for (let i = 0; i < length; i++) data[i] = ((i * 7919) % 1009) / 1009 - 0.5;
    return data;
  };

  /** Milliseconds of one product of a [rows, inner] matrix with `copies` matrices, told by how both are stored. */
  const timeOf = async (a: Stored, b: Stored, copies: number): Promise<number> => {
    const left = input('x', a.shape);
    const rightNames = Array.from({ length: copies }, (_, i) => `w${i}`);
    const weights = new Map(
      rightNames.map((name) => [name, { shape: b.shape, data: numbers(b.shape[0] * b.shape[1]) }]),
    );
    const transposed = { transA: a.transposed, transB: b.transposed };
    const outputs = Object.fromEntries(
      rightNames.map((name) => [`y of ${name}`, matmul(left, input(name, b.shape), transposed)]),
    );
    const session = await compile(outputs, { threads, bindings: pass === 'decode' ? weights : undefined });
    const feeds = { x: { shape: a.shape, data: numbers(a.shape[0] * a.shape[1]) }, ...Object.fromEntries(weights) };
    const into = Object.fromEntries(
      Object.entries(outputs).map(([name, { shape }]) => [name, new Float32Array(shape[0] * shape[1])]),
    );
    const times: number[] = [];
    for (let i = 0; i < WARM_RUNS + TIMED_RUNS; i++)
      times.push((await timed(() => session.run(feeds, into))).milliseconds);
    await session.release();
    return spreadOf(times.slice(WARM_RUNS)).median / copies;
  };
  const all = async (): Promise<{ milliseconds: number }> => {
    let milliseconds = 0;
    for (const same of distinct.values()) {
      const [{ m, k, n }] = same;
      const x = { shape: [m, k], transposed: false };
      const weight = { shape: [n, k], transposed: true };
      const gradient = { shape: [m, n], transposed: false };
      let one = await timeOf(x, weight, pass === 'decode' ? same.length : 1);
      if (pass === 'training') {
        one += await timeOf(gradient, { shape: [n, k], transposed: false }, 1);
        one += await timeOf({ ...gradient, transposed: true }, x, 1);
      }
      milliseconds += one * same.length;
    }
    return { milliseconds };
  };
  return { check: {}, run: all };
}

/** A matrix as it lies in memory, and whether the product takes it transposed. */
interface Stored {
  shape: number[];
  transposed: boolean;
}

const WARM_RUNS = 2;
const TIMED_RUNS = 5;

function sampling({ samples, listLength }: Job, prompts: readonly Int32Array[], round: number): GenerateRequest {
  return {
    prompts,
    samples,
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    maxTokens: listLength,
    stopIds: [],
    key: (prompt, sample) => ['bench', round, prompt, sample],
  };
}

function groupsAtHand({ prompts, completions, sampled, advantages }: Batch, samples: number): ScoredGroup[] {
  return prompts.map((prompt, i) => ({
    prompt,
    completions: completions.slice(i * samples, (i + 1) * samples).map((tokens, sample) => {
      const list = i * samples + sample;
      return { tokens, logprobs: sampled[list], advantage: advantages[list], masked: false };
    }),
  }));
}

/** The reward of the bench: anything that differs between lists, and that every contender computes in no time. */
function shareOfEven(tokens: Int32Array): number {
  return tokens.reduce((even, token) => even + Number(token % 2 === 0), 0) / tokens.length;
}

/** What a new decoder's first run takes beyond its second: compiling. */
async function firstRunMs(model: LanguageModel, request: GenerateRequest, threads: number): Promise<number> {
  const decoder = createDecoder(model, { threads });
  const first = await timed(() => decoder.generate(request));
  const second = await timed(() => decoder.generate(request));
  await decoder.release();
  return first.milliseconds - second.milliseconds;
}

/** Milliseconds of drawing one token from probabilities like those of the models here, in JavaScript. */
function drawMs(vocabulary: number): number {
  const random = new Random('bench draws');
  const row = probabilitiesOf(
    Float32Array.from({ length: vocabulary }, () => random.normal()),
    1,
  );
  const key = [1, 2] as const;
  const draws = 2000;
  const drawMany = (): void => {
    for (let i = 0; i < draws; i++) drawToken(row, { topK: 0, topP: 1, minP: 0 }, uniformAt(key, i));
  };
  drawMany();
  const start = performance.now();
  drawMany();
  return (performance.now() - start) / draws;
}

async function timed<T>(run: () => Promise<T>): Promise<{ milliseconds: number; result: T }> {
  const start = performance.now();
  const result = await run();
  return { milliseconds: performance.now() - start, result };
}

await serve((folder, job) => {
  const model = loadLanguageModel(join(folder, 'student'));
  return jobs[job.kind](job, model, batchOf(job, model.config.vocabularySize), folder);
});
