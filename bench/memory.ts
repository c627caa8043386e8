/**
 * Memory: what a training step was estimated to take (lib/tensor/memory.ts) beside what it took, and the peak of a whole GRPO step at 135M
 * parameters. `npm run bench:memory`; each case is a process of its own, and the peak is that of its resident memory.
 */
import { fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type Column, formatTable } from '../cli/table.ts';
import { centredAdvantages } from '../lib/method/grpo.ts';
import { allocatorEnvironment } from '../lib/tensor/allocator.ts';
import { createDecoder } from '../lib/tensor/decoder.ts';
import { input } from '../lib/tensor/graph.ts';
import { createPolicyLearner, type ScoredGroup } from '../lib/tensor/learner.ts';
import { microBatches } from '../lib/tensor/micro-batches.ts';
import { policyFeeds, policyObjective, tokenGroups } from '../lib/tensor/objectives.ts';
import { sum } from '../lib/tensor/ops.ts';
import { compile, discard } from '../lib/tensor/session.ts';
import type { MemorySettings } from '../lib/tensor/target-figures.ts';
import { createTrainer } from '../lib/tensor/trainer.ts';
import { adamw, batchOf, type Job, type ModelName, randomModel, STOP } from './workload.ts';

const columns: Column[] = ['case', 'model', 'prompts', 'memory', 'estimated MiB', 'run MiB', 'peak MiB', 'error'].map(
  (title, i) => ({ title, align: i < 4 ? 'left' : 'right' }),
);

interface Case {
  /** A step on lists at hand, or a whole GRPO step: lists are sampled first. */
  kind: 'step' | 'grpo';
  model: ModelName;
  /** Prompts of a micro-batch, or of the step. */
  prompts: number;
  memory: MemorySettings;
}

const cases: Case[] = [
  { kind: 'step', model: '5.4M', prompts: 1, memory: {} },
  { kind: 'step', model: '5.4M', prompts: 4, memory: {} },
  { kind: 'step', model: '5.4M', prompts: 4, memory: { recompute: true } },
  { kind: 'step', model: '5.4M', prompts: 4, memory: { recompute: true, targetsAtOnce: 256 } },
  { kind: 'step', model: '21M', prompts: 2, memory: {} },
  { kind: 'step', model: '135M', prompts: 1, memory: {} },
  { kind: 'step', model: '135M', prompts: 1, memory: { recompute: true } },
  { kind: 'step', model: '135M', prompts: 2, memory: { recompute: true, targetsAtOnce: 128 } },
  { kind: 'grpo', model: '135M', prompts: 8, memory: { recompute: true } },
];

const SAMPLES = 8;
const PROMPT = 256;
const LIST = 64;
const objective = {
  loss: 'dr_grpo',
  clipLow: 0.2,
  clipHigh: 0.2,
  klWeight: 0,
  maxListTokens: LIST,
  temperature: 1,
} as const;

/** Bytes. */
interface Measured {
  estimated: number | null;
  peak: number;
  /** Of the process before the step: Node, ONNX Runtime, parameters and moments. */
  before: number;
}

if (process.send) {
  const one = JSON.parse(process.argv[2]) as Case;
  process.send(await (one.kind === 'step' ? measureStep(one) : measureRound(one)), () => process.exit());
} else {
  const chosen = process.argv.slice(2).map(Number);
  const rows: string[][] = [];
  for (const [i, one] of cases.entries()) {
    if (chosen.length > 0 && !chosen.includes(i)) continue;
    const { estimated, before, peak } = await inProcess(one);
    const { kind, model, prompts, memory } = one;
    rows.push([
      kind,
      model,
      String(prompts),
      JSON.stringify(memory),
      ...[estimated, peak - before, peak].map((bytes) => (bytes === null ? '' : (bytes / 2 ** 20).toFixed(0))),
      estimated === null ? '' : `${((estimated / (peak - before) - 1) * 100).toFixed(1)} %`,
    ]);
    console.log(rows[rows.length - 1].join('  '));
  }
  console.log(formatTable(columns, rows));
}

function inProcess(one: Case): Promise<Measured> {
  const child = fork(import.meta.filename, [JSON.stringify(one)], { env: { ...allocatorEnvironment, ...process.env } });
  return new Promise((resolve, reject) => {
    child.once('message', (measured) => resolve(measured as Measured));
    child.once('exit', (code, signal) => reject(new Error(`${JSON.stringify(one)} ended with ${signal ?? code}`)));
  });
}

function workload({ model, prompts }: Case, seed = 0): { job: Job; groups: ScoredGroup[] } {
  const job: Job = {
    kind: 'grpo',
    student: model,
    teacher: null,
    threads: 2,
    seed,
    learningRate: 1e-5,
    prompts,
    samples: SAMPLES,
    promptLength: PROMPT,
    listLength: LIST,
    rows: 0,
    tableRows: 0,
    pass: 'training',
  };
  const batch = batchOf(job, 4096);
  const groups = batch.prompts.map((prompt, i) => ({
    prompt,
    completions: Array.from({ length: SAMPLES }, (_, sample) => {
      const list = i * SAMPLES + sample;
      const { completions, sampled, advantages } = batch;
      return { tokens: completions[list], logprobs: sampled[list], advantage: advantages[list], masked: false };
    }),
  }));
  return { job, groups };
}

/** One micro-batch, compiled and run twice: what a run was estimated to hold, and what resident memory rose by. */
async function measureStep(one: Case): Promise<Measured> {
  const { config, parameters } = randomModel(one.model);
  const { groups } = workload(one);
  const trainer = createTrainer({
    parameters,
    adamw,
    threads: 2,
    loss: policyObjective(config, { ...objective, ...one.memory }),
  });
  const { feeds } = microBatches(
    tokenGroups(groups),
    { microBatchTokens: 1e6, bytes: Number.POSITIVE_INFINITY },
    (batches) => policyFeeds(batches, groups, objective),
    trainer.stepBytes,
  );
  const { run } = trainer.stepBytes(feeds[0], 1);
  // What the library takes when it is first used is the process's, not the step's.
  await runSmallest();
  const before = resident('VmRSS');
  resetPeak();
  for (let run = 0; run < 2; run++) {
    const { gradients } = await trainer.gradients(feeds[0]);
    for (const gradient of gradients.values()) discard(gradient);
  }
  return { estimated: run, before, peak: resident('VmHWM') };
}

async function runSmallest(): Promise<void> {
  const session = await compile({ sum: sum(input('x', [1])) }, { threads: 2 });
  await session.run({ x: { shape: [1], data: Float32Array.of(1) } });
  await session.release();
}

/** Lists are sampled with the weights as they are, scored, and learnt from; two rounds. */
async function measureRound(one: Case): Promise<Measured> {
  const model = randomModel(one.model);
  const before = resident('VmRSS');
  const tell = (what: string): void =>
    console.error(`${what}: at most ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB until now`);
  const learner = await createPolicyLearner(model, { ...objective, ...one.memory, adamw, threads: 2 });
  for (let round = 0; round < 2; round++) {
    const { groups } = workload(one, round);
    const decoder = createDecoder(model, { threads: 2 });
    const lists = await decoder.generate({
      prompts: groups.map(({ prompt }) => prompt),
      samples: SAMPLES,
      temperature: 1,
      topK: 0,
      topP: 1,
      minP: 0,
      maxTokens: LIST,
      stopIds: [],
      key: (prompt, sample) => [round, prompt, sample],
    });
    await decoder.release();
    tell(`round ${round}, lists sampled`);
    const rewards = Float64Array.from(lists.flat(), ({ tokens }) => tokens.filter((id) => id % 2 === STOP).length);
    const advantages = centredAdvantages(rewards, SAMPLES);
    await learner.update(
      lists.map((group, i) => ({
        prompt: groups[i].prompt,
        completions: group.map(({ tokens, logprobs }, sample) => {
          return { tokens, logprobs, advantage: advantages[i * SAMPLES + sample], masked: false };
        }),
      })),
      1e-5,
    );
    tell(`round ${round}, updated`);
  }
  return { estimated: null, before, peak: process.resourceUsage().maxRSS * 1024 };
}

function resident(field: 'VmRSS' | 'VmHWM'): number {
  return 1024 * Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

function resetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5');
}
