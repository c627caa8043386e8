import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pretrainModels } from '../../cli/pretrain.ts';
import { annotatedList } from '../../lib/data/world/annotation.ts';
import { LIST_LINES } from '../../lib/method/prompt.ts';
import { loadLanguageModel, saveLanguageModel } from '../../lib/tensor/language-model.ts';
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
      steps: {
        repeat: 40,
        copy: 4,
        name: 4,
        list: 4,
        casual: 4,
        'list-2': 4,
        'casual-2': 4,
        'list-3': 4,
        'casual-3': 4,
        'list-4': 4,
        'casual-4': 4,
      },
    },
  ],
};
const [model] = plan.models;

describe('pretraining', () => {
  const corpus = preparePretraining(plan, () => undefined);

  it('has a list for every reader whose signals are about something, in the news’ words', () => {
    const [{ readers, signals }] = corpus.worlds;
    expect(readers.length).toBeGreaterThan(55);
    for (const reader of readers) {
      const lines = annotatedList(
        reader.flatMap(({ about }) => about ?? []),
        LIST_LINES.least,
      );
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
    expect(seen).toHaveLength(80);
    expect(seen.map((line) => line.split(' ')[0])).toEqual([
      ...Array<string>(40).fill('repeat'),
      ...Array<string>(4).fill('copy'),
      ...Array<string>(4).fill('name'),
      ...Array<string>(4).fill('list'),
      ...Array<string>(4).fill('casual'),
      ...Array<string>(4).fill('list-2'),
      ...Array<string>(4).fill('casual-2'),
      ...Array<string>(4).fill('list-3'),
      ...Array<string>(4).fill('casual-3'),
      ...Array<string>(4).fill('list-4'),
      ...Array<string>(4).fill('casual-4'),
    ]);
    const [before] = seen.map((line) => Number(line.split(' ')[2]));
    expect(before).toBeCloseTo(Math.log(corpus.tokenizer.vocabularySize), 0);
    expect(first.losses.repeat).toBeLessThan(before - 0.5);
    const again = await pretrain(model, plan, corpus, 1, () => undefined);
    expect(again.parameters).toBe(first.parameters);
    expect([...again.model.parameters]).toEqual([...first.model.parameters]);
  });

  it('goes on from the file in which a model was left as if it had not been left', async () => {
    const shorter = { ...model, steps: { ...model.steps, repeat: 4 } };
    const begun = { ...shorter, steps: { ...shorter.steps, 'casual-4': 0 } };
    const whole = await pretrain(shorter, plan, corpus, 1, () => undefined);
    const left = await pretrain(begun, plan, corpus, 1, () => undefined);
    const folder = mkdtempSync(join(tmpdir(), 'pretrain-'));
    saveLanguageModel(left.model, folder, { dtype: 'F16' });
    const ended = await pretrain(shorter, plan, corpus, 1, () => undefined, {
      model: loadLanguageModel(folder),
      done: ['repeat', 'copy', 'name', 'list', 'casual', 'list-2', 'casual-2', 'list-3', 'casual-3', 'list-4'],
    });
    for (const [name, { data }] of whole.model.parameters)
      expect(ended.model.parameters.get(name)?.data, name).toEqual(data);
    expect(Object.keys(ended.losses)).toEqual(['casual-4']);
  });
});

describe('newshound pretrain', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pretrain-'));
  const committed = join(import.meta.dirname, '../../models');
  const more = (name: string, from = folder): Promise<void> =>
    pretrainModels([name], from, { threads: 1, more: true }, () => undefined);

  it('refuses a name that is none, and says which is near', async () => {
    await expect(more('base-xx')).rejects.toThrow(/no base model "base-xx".*base-x/);
  });

  it('goes on only with the model that the record speaks of, made by the plan', async () => {
    await expect(more('base-xs')).rejects.toThrow(
      /base-xs: pretrained\.json has no entry for it\. Train it from nothing/,
    );
    cpSync(join(committed, 'pretrained.json'), join(folder, 'pretrained.json'));
    await expect(more('base-xs')).rejects.toThrow(/their digests differ/);
    cpSync(join(committed, 'base-xs'), join(folder, 'base-xs'), { recursive: true });
    writeFileSync(join(folder, 'base-xs', 'generation_config.json'), '{}');
    await expect(more('base-xs')).rejects.toThrow(/their digests differ/);
    const record = readFileSync(join(folder, 'pretrained.json'), 'utf8');
    writeFileSync(join(folder, 'pretrained.json'), record.replaceAll('"list": 2400', '"list": 1200'));
    await expect(more('base-xs')).rejects.toThrow(/made by another plan/);
  });
});
