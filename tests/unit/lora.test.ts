import { describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { type LanguageModel, loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { adapterNames, parameterShapes } from '../../lib/tensor/language-model-config.ts';
import { createPolicyLearner, logprobs, type ScoredGroup, scoreTokens } from '../../lib/tensor/learner.ts';
import { createAdapterTrainer, initialAdapters } from '../../lib/tensor/lora.ts';
import { supervisedObjective, uniformFeeds } from '../../lib/tensor/objectives.ts';
import { packGroups, type TokenGroup } from '../../lib/tensor/packing.ts';
import type { Parameters } from '../../lib/tensor/parameters.ts';
import { createTrainer, type TrainerState } from '../../lib/tensor/trainer.ts';

const load = (name: string): LanguageModel =>
  loadLanguageModel(new URL(`../oracle/data/models/${name}`, import.meta.url).pathname);
const adamw = { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0, gradientNorm: 1 } as const;
const lora = { rank: 3, alpha: 6, seed: 1 };
const SCALE = lora.alpha / lora.rank;

const random = new Random('lora test');
const tokens = (length: number): Int32Array => Int32Array.from({ length }, () => 3 + random.integer(500));
const groups: TokenGroup[] = [12, 20].map((length) => ({
  prompt: tokens(length),
  completions: [tokens(4), tokens(8), tokens(1), tokens(6)],
}));
const [feeds] = uniformFeeds(packGroups(groups, 1024));

const trainerOf = (model: LanguageModel) =>
  createAdapterTrainer(model, lora, { adamw, threads: 1, loss: supervisedObjective(model.config) });

/** A state in which B is not 0 and every A and B has a gradient. */
function movedState({ config }: LanguageModel): TrainerState {
  const numbers = new Random('moved');
  const like = (fill: () => number): Parameters =>
    new Map(
      [...initialAdapters(config, lora)].map(([name, { shape, data }]) => [name, { shape, data: data.map(fill) }]),
    );
  return { parameters: like(() => numbers.normal(0, 0.1)), first: like(() => 0), second: like(() => 0), step: 0 };
}

function withAdapter(state: TrainerState, name: string, change: (value: number, i: number) => number): TrainerState {
  const parameters = new Map(state.parameters);
  const { shape, data } = parameters.get(name) as { shape: number[]; data: Float32Array };
  parameters.set(name, { shape, data: data.map(change) });
  return { ...state, parameters };
}

const norm = (of: Float32Array): number => Math.hypot(...of);

describe.each(['llama', 'qwen2'])('adapters of %s', (name) => {
  it('begin at the model as it is, and leave it so until they learn', async () => {
    const model = load(name);
    const [adapters, full] = [
      trainerOf(model),
      createTrainer({ parameters: load(name).parameters, adamw, threads: 1, loss: supervisedObjective(model.config) }),
    ];
    expect((await adapters.evaluate(feeds)).loss).toBeCloseTo((await full.evaluate(feeds)).loss, 6);
    await adapters.load(adapters.state());
    expect(model.parameters).toEqual(load(name).parameters);
    await adapters.release();
    await full.release();
  });

  it('have the gradients that finite differences give', async () => {
    const model = load(name);
    const trainer = trainerOf(model);
    const state = movedState(model);
    await trainer.load(state);
    const { gradients } = await trainer.gradients(feeds);
    expect([...gradients.keys()]).toEqual([...state.parameters.keys()]);
    for (const [key, gradient] of gradients) {
      const length = norm(gradient);
      const step = 0.03;
      const lossAt = async (sign: number): Promise<number> => {
        await trainer.load(withAdapter(state, key, (value, i) => value + (sign * step * gradient[i]) / length));
        return (await trainer.evaluate(feeds)).loss;
      };
      const slope = ((await lossAt(1)) - (await lossAt(-1))) / (2 * step);
      expect(Math.abs(slope - length), `${key}: ${slope} ${length}`).toBeLessThan(2e-4 + 0.02 * length);
    }
    await trainer.release();
  });

  it('have the gradients that those of the merged weights imply', async () => {
    const model = load(name);
    const trainer = trainerOf(model);
    const state = movedState(model);
    await trainer.load(state);
    const full = createTrainer({
      parameters: model.parameters,
      adamw,
      threads: 1,
      loss: supervisedObjective(model.config),
    });
    const own = await trainer.gradients(feeds);
    const merged = await full.gradients(feeds);
    expect(own.loss).toBeCloseTo(merged.loss, 5);
    for (const [weight, of] of merged.gradients) {
      if (!weight.endsWith('_proj.weight')) continue;
      const { a, b } = adapterNames(weight.slice(0, -'.weight'.length));
      const [out, width] = parameterShapes(model.config).get(weight) as number[];
      const [A, B] = [a, b].map((key) => state.parameters.get(key)?.data as Float32Array);
      const impliedA = new Float32Array(lora.rank * width);
      const impliedB = new Float32Array(out * lora.rank);
      for (let i = 0; i < out; i++) {
        for (let j = 0; j < width; j++) {
          for (let r = 0; r < lora.rank; r++) {
            impliedA[r * width + j] += SCALE * B[i * lora.rank + r] * of[i * width + j];
            impliedB[i * lora.rank + r] += SCALE * of[i * width + j] * A[r * width + j];
          }
        }
      }
      for (const [key, implied] of [
        [a, impliedA],
        [b, impliedB],
      ] as const) {
        const gradient = own.gradients.get(key) as Float32Array;
        const apart = norm(gradient.map((value, i) => value - implied[i]));
        expect(apart, key).toBeLessThan(1e-4 * norm(implied) + 1e-7);
      }
    }
    await trainer.release();
    await full.release();
  });

  it('are merged into projections alone, and the merged model is the adapted one', async () => {
    const [model, before] = [load(name), load(name)];
    const trainer = trainerOf(model);
    for (let i = 0; i < 3; i++) await trainer.step([feeds], 1e-2);
    const plain = createTrainer({
      parameters: model.parameters,
      adamw,
      threads: 1,
      loss: supervisedObjective(model.config),
    });
    expect(Math.abs((await trainer.evaluate(feeds)).loss - (await plain.evaluate(feeds)).loss)).toBeLessThan(1e-5);
    for (const key of parameterShapes(model.config).keys()) {
      const [now, then] = [model, before].map(({ parameters }) => parameters.get(key)?.data as Float32Array);
      if (key.endsWith('_proj.weight')) expect(now, key).not.toEqual(then);
      else expect(now, key).toEqual(then);
    }
    await trainer.release();
    await plain.release();
  });
});

describe('a policy learner of adapters', () => {
  const policy = {
    adamw,
    lora,
    threads: 1,
    loss: 'dr_grpo',
    clipLow: 0.2,
    clipHigh: 0.2,
    klWeight: 0,
    maxListTokens: 8,
    temperature: 0.6,
  } as const;
  const scored = (sampled: readonly Float32Array[][]): ScoredGroup[] =>
    groups.map(({ prompt, completions }, g) => ({
      prompt,
      completions: completions.map((list, i) => ({
        tokens: list,
        logprobs: sampled[g][i],
        advantage: [0, 1, 0, -1][i],
        masked: false,
      })),
    }));
  const mean = (of: readonly Float32Array[][], list: number): number => {
    const all = of.flatMap((lists) => Array.from(lists[list]));
    return all.reduce((sum, value) => sum + value, 0) / all.length;
  };

  it('makes rewarded lists likelier and the others less likely, in the model that decodes', async () => {
    const model = load('llama');
    const before = await logprobs(model, groups, policy);
    const learner = await createPolicyLearner(model, policy);
    for (let i = 0; i < 4; i++) await learner.update(scored(before), 1e-2);
    await learner.release();
    const after = await logprobs(model, groups, policy);
    expect(mean(after, 1)).toBeGreaterThan(mean(before, 1));
    expect(mean(after, 3)).toBeLessThan(mean(before, 3));
  });

  it('has a state of its adapters, from which a fresh learner goes on equal to the bit', async () => {
    const [through, resumed] = [load('llama'), load('llama')];
    const batch = scored((await scoreTokens(through, groups, policy)).logprobs);
    const one = await createPolicyLearner(through, policy);
    await one.update(batch, 1e-2);
    const saved = one.state();
    expect([...saved.parameters.keys()].every((key) => key.includes('.lora_'))).toBe(true);
    const middle = load('llama');
    const look = await createPolicyLearner(middle, policy);
    await look.load(saved);
    expect(middle.parameters).toEqual(through.parameters);
    await one.update(batch, 1e-2);
    const two = await createPolicyLearner(resumed, policy);
    await two.load(saved);
    await two.update(batch, 1e-2);
    expect(two.state()).toEqual(one.state());
    expect(resumed.parameters).toEqual(through.parameters);
    for (const learner of [one, look, two]) await learner.release();
  });
});
