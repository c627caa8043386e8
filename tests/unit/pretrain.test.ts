import { describe, expect, it } from 'vitest';
import { preparePretraining, pretrain, type PretrainPlan } from '../../lib/training/pretrain.ts';

const plan: PretrainPlan = {
  seed: 3,
  worlds: [201],
  readersPerWorld: 60,
  vocabularySize: 400,
  maxPromptTokens: 96,
  batch: 8,
  models: [
    {
      name: 'smallest',
      hidden: 16,
      layers: 1,
      heads: 2,
      intermediate: 32,
      learningRate: 1e-2,
      steps: { copy: 40, name: 4, list: 4, casual: 4 },
    },
  ],
};
const [model] = plan.models;

describe('pretraining', () => {
  const corpus = preparePretraining(plan, () => undefined);

  it('has a list for every reader whose signals are about something, in the news’ words', () => {
    const [{ readers, signals }] = corpus.worlds;
    expect(readers.length).toBeGreaterThan(55);
    for (const { list } of readers) {
      const lines = list.split('\n');
      expect(lines.length).toBeGreaterThanOrEqual(3);
      expect(new Set(lines).size).toBe(lines.length);
    }
    // The cleaner leaves one in twenty of the noise, which is a quarter of what is seen.
    const noise = signals.filter(({ about }) => about === null).length / signals.length;
    expect(noise).toBeGreaterThan(0);
    expect(noise).toBeLessThan(0.05);
  });

  it('goes through its phases in order, learns, and makes the same model again', async () => {
    const seen: string[] = [];
    const first = await pretrain(model, plan, corpus, 1, (phase, step, _, loss) =>
      seen.push(`${phase} ${step} ${loss}`),
    );
    expect(seen).toHaveLength(52);
    expect(seen.map((line) => line.split(' ')[0])).toEqual([
      ...Array<string>(40).fill('copy'),
      ...Array<string>(4).fill('name'),
      ...Array<string>(4).fill('list'),
      ...Array<string>(4).fill('casual'),
    ]);
    const [before] = seen.map((line) => Number(line.split(' ')[2]));
    expect(before).toBeCloseTo(Math.log(corpus.tokenizer.vocabularySize), 0);
    expect(first.losses.copy).toBeLessThan(before - 0.5);
    const again = await pretrain(model, plan, corpus, 1, () => undefined);
    expect(again.parameters).toBe(first.parameters);
    expect([...again.model.parameters]).toEqual([...first.model.parameters]);
  });

  it('goes on from where a model was left, with the phases that are left', async () => {
    const shorter = { ...model, steps: { ...model.steps, copy: 4 } };
    const whole = await pretrain(shorter, plan, corpus, 1, () => undefined);
    const begun = await pretrain(
      { ...shorter, steps: { ...shorter.steps, casual: 0 } },
      plan,
      corpus,
      1,
      () => undefined,
    );
    const ended = await pretrain(shorter, plan, corpus, 1, () => undefined, {
      model: begun.model,
      done: ['copy', 'name', 'list'],
    });
    expect([...ended.model.parameters]).toEqual([...whole.model.parameters]);
    expect(Object.keys(ended.losses)).toEqual(['casual']);
  });
});
