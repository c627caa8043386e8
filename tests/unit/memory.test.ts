import { execFile, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../lib/errors.ts';
import { Random } from '../../lib/random.ts';
import { allocatorEnvironment } from '../../lib/tensor/allocator.ts';
import { constant, input } from '../../lib/tensor/graph.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { createPolicyLearner, createSupervised, logprobs, type ScoredGroup } from '../../lib/tensor/learner.ts';
import { peakBytes } from '../../lib/tensor/memory.ts';
import { machineMemory, microBatches, type StepBytes } from '../../lib/tensor/micro-batches.ts';
import { packedFeeds, policyFeeds, policyObjective, tokenGroups } from '../../lib/tensor/objectives.ts';
import { add, exp, matmul, mul, reshape, sum, transpose } from '../../lib/tensor/ops.ts';
import { createTrainer } from '../../lib/tensor/trainer.ts';

const load = () => loadLanguageModel(new URL('../oracle/data/models/llama', import.meta.url).pathname);
const adamw = { betas: [0.9, 0.95], epsilon: 1e-4, weightDecay: 0, gradientNorm: 1 } as const;
const policy = {
  adamw,
  threads: 1,
  loss: 'dr_grpo',
  clipLow: 0.2,
  clipHigh: 0.2,
  klWeight: 0,
  maxListTokens: 16,
  temperature: 0.6,
} as const;

function scoredGroups(prompts: number, lists = 4): ScoredGroup[] {
  const random = new Random('memory test', prompts, lists);
  const tokens = (length: number): Int32Array => Int32Array.from({ length }, () => 3 + random.integer(500));
  return Array.from({ length: prompts }, () => ({
    prompt: tokens(40),
    completions: Array.from({ length: lists }, () => {
      return { tokens: tokens(16), logprobs: new Float32Array(16).fill(-6), advantage: random.normal(), masked: false };
    }),
  }));
}

describe('the memory of a run', () => {
  const x = input('x', [100, 10]);
  /** Shapes and axes take a few bytes too. */
  const about = (bytes: number) => (of: number) => of >= bytes && of < bytes + 100;

  it('is that of the values which are held at the same time', () => {
    // Of a chain two at a time: the third lies where the first lay.
    expect(peakBytes([sum(exp(exp(exp(exp(x)))))])).toSatisfy(about(2 * 4000));
    // Both factors and the product.
    expect(peakBytes([sum(mul(exp(x), exp(exp(x))))])).toSatisfy(about(3 * 4000));
  });

  it('has a view in the memory of what it views, and a value written twice once', () => {
    expect(peakBytes([sum(exp(reshape(exp(x), [10, 100])))])).toSatisfy(about(2 * 4000));
    expect(peakBytes([sum(mul(exp(x), exp(x)))])).toSatisfy(about(2 * 4000));
  });

  it('holds outputs to the end, and constants that are computed before', () => {
    expect(peakBytes([exp(x), sum(exp(add(x, 1)))])).toSatisfy(about(3 * 4000));
    const table = transpose(exp(constant(new Float32Array(1000), [100, 10])), [1, 0]);
    expect(peakBytes([matmul(x, table)])).toSatisfy(about(4000 + 4 * 100 * 100));
  });

  it.runIf(existsSync('/proc/self/clear_refs'))(
    'is what resident memory rises by: never more than 10 % and 64 MiB above the estimate, nor 15 % below',
    { timeout: 900_000 },
    async () => {
      for (const memory of [{}, { recompute: true, targetsAtOnce: 256 }]) {
        const { estimated, before, peak } = await measured({ kind: 'step', model: '5.4M', prompts: 1, memory });
        expect(peak - before).toBeLessThan(1.1 * estimated + 2 ** 26);
        expect(peak - before).toBeGreaterThan(0.85 * estimated);
      }
    },
  );

  it.runIf(existsSync('/proc/self/status'))('does not grow with their number', { timeout: 900_000 }, async () => {
    const peakOf = async (groups: number): Promise<number> => {
      const script = join(import.meta.dirname, 'scoring-process.ts');
      const env = { ...process.env, ...allocatorEnvironment };
      return Number((await promisify(execFile)(process.execPath, [script, String(groups)], { env })).stdout);
    };
    expect(await peakOf(48)).toBeLessThan((await peakOf(2)) + 2 ** 26);
  });
});

describe('a step', () => {
  const groups = scoredGroups(8);
  const bytesOf = (some: ScoredGroup[], settings: { microBatchTokens?: number; bytes?: number }) => {
    const { config, parameters } = load();
    const trainer = createTrainer({ parameters, adamw, threads: 1, loss: policyObjective(config, policy) });
    const seen: StepBytes[] = [];
    const { batches } = microBatches(
      tokenGroups(some),
      settings,
      (of) => policyFeeds(of, some, policy),
      (feeds, count) => {
        seen.push(trainer.stepBytes(feeds, count));
        return seen[seen.length - 1];
      },
    );
    return { batches: batches.length, step: seen[seen.length - 1] };
  };

  it('that fits is one micro-batch', () => {
    expect(bytesOf(groups, {}).batches).toBe(1);
  });

  it('that does not fit is cut until it does', () => {
    const whole = bytesOf(groups, {}).step;
    const budget = whole.held + 0.8 * whole.run + 2 ** 26;
    const { batches, step } = bytesOf(groups, { bytes: budget });
    expect(batches).toBeGreaterThan(1);
    expect(step.held + 1.1 * step.run + 2 ** 26).toBeLessThanOrEqual(budget);
  });

  it('takes memory for its micro-batch, not for its lists', () => {
    const [few, many] = [4, 32].map((prompts) => bytesOf(scoredGroups(prompts), { microBatchTokens: 256 }));
    expect(many.batches).toBe(8 * few.batches);
    expect(many.step.run).toBe(few.step.run);
    expect(bytesOf(scoredGroups(32), { microBatchTokens: 512 }).step.run).toBeGreaterThan(1.3 * many.step.run);
  });

  it('cut into micro-batches is the whole step within 1e-5', async () => {
    const run = async (bytes?: number) => {
      const model = load();
      const learner = await createPolicyLearner(model, { ...policy, bytes });
      const figures = [await learner.update(groups, 1e-3), await learner.update(groups, 1e-3)];
      await learner.release();
      return { figures, state: learner.state() };
    };
    const whole = bytesOf(groups, {}).step;
    const budget = whole.held + 0.5 * whole.run + 2 ** 26;
    expect(bytesOf(groups, { bytes: budget }).batches).toBeGreaterThan(1);
    const [together, apart] = [await run(), await run(budget)];
    together.figures.forEach(({ loss, gradient_norm }, i) => {
      expect(Math.abs(apart.figures[i].loss - loss)).toBeLessThan(1e-5);
      expect(Math.abs(apart.figures[i].gradient_norm / gradient_norm - 1)).toBeLessThan(1e-5);
    });
    for (const part of ['parameters', 'first', 'second'] as const) {
      for (const [name, { data }] of apart.state[part]) {
        const expected = together.state[part].get(name)?.data as Float32Array;
        const error = data.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i])), 0);
        expect(error, `${part} of ${name}`).toBeLessThan(1e-5);
      }
    }
  });

  it('whose single groups do not fit is refused with what to set, and nothing is changed', async () => {
    const model = load();
    const before = load().parameters;
    const refusal =
      /a step on one group at a time \(room for \d+ tokens, 64 of them predicted\) takes some 0\.\d\d GiB, of which 0\.\d\d are .* 0\.06 GiB are allowed.*set recompute to true, targetsAtOnce to fewer targets/;
    const learner = await createPolicyLearner(model, { ...policy, bytes: 6e7 });
    const failure = await learner.update(groups, 1e-3).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConfigError);
    expect((failure as Error).message).toMatch(refusal);
    expect(model.parameters).toEqual(before);
    expect(learner.state().step).toBe(0);
    const supervised = await createSupervised(model, { adamw, threads: 1, bytes: 6e7 });
    const examples = groups.map(({ prompt, completions }) => ({ prompt, completion: completions[0].tokens }));
    await expect(supervised.step(examples, 1e-3)).rejects.toThrow(ConfigError);
    await expect(logprobs(model, tokenGroups(groups), { ...policy, bytes: 6e7 })).rejects.toThrow(ConfigError);
  });

  it('is cut by what the machine has, not by what is free, so that a repetition is cut alike', () => {
    const bytes: StepBytes = { held: 0, run: machineMemory() / 2, activations: 0 };
    const feedsOf = (batches: Parameters<typeof policyFeeds>[0]) => batches.map(packedFeeds);
    expect(() => microBatches(tokenGroups(groups), {}, feedsOf, () => bytes)).toThrow(ConfigError);
    const half: StepBytes = { held: 0, run: machineMemory() / 4, activations: 0 };
    expect(microBatches(tokenGroups(groups), {}, feedsOf, () => half).batches).toHaveLength(1);
  });
});

describe('a decoder that is built again for each new set of weights', () => {
  it('leaves less than a tenth of its session in memory', { timeout: 900_000 }, async () => {
    const [released, kept] = await Promise.all(['release', 'keep'].map(perRebuild));
    expect(kept).toBeGreaterThan(2 ** 20);
    expect(released).toBeLessThan(kept / 10);
  });
});

/** Bytes of resident memory that a rebuild adds, after the first thirty. */
async function perRebuild(way: string): Promise<number> {
  const script = join(import.meta.dirname, 'rebuilding-process.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, '30', '90', way]);
  const [first, last] = stdout.trim().split('\n').map(Number);
  return (last - first) / 60;
}

function measured(one: object): Promise<{ estimated: number; before: number; peak: number }> {
  const script = join(import.meta.dirname, '..', '..', 'bench', 'memory.ts');
  const child = fork(script, [JSON.stringify(one)], { env: { ...process.env, ...allocatorEnvironment } });
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as { estimated: number; before: number; peak: number }));
    child.once('exit', (code, signal) => reject(new Error(`the measured process ended with ${signal ?? code}`)));
  });
}
