import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { countParameters } from '../../lib/tensor/parameters.ts';
import { baseModels } from '../../lib/training/base-models.ts';

const models = join(import.meta.dirname, '../../models');

interface Entry {
  plan: object;
  parameters: number;
  sha256: Record<string, string>;
}

const record = JSON.parse(readFileSync(join(models, 'pretrained.json'), 'utf8')) as Record<string, Entry>;

describe('the committed base models', () => {
  it('are those of the plan, with its record, in 12 MB together at most', () => {
    expect(Object.keys(record).toSorted()).toEqual(baseModels.models.map(({ name }) => name).toSorted());
    const bytes = readdirSync(models, { recursive: true, encoding: 'utf8' }).reduce(
      (sum, name) => sum + statSync(join(models, name)).size,
      0,
    );
    expect(bytes).toBeLessThan(12e6);
  });

  it.each(baseModels.models)('$name is what its record says, made by the plan that pretrain follows', (model) => {
    const { plan, sha256, parameters } = record[model.name];
    const { models: _models, ...rest } = baseModels;
    expect(plan).toEqual({ ...rest, model });
    for (const [name, digest] of Object.entries(sha256))
      expect(
        createHash('sha256')
          .update(readFileSync(join(models, model.name, name)))
          .digest('hex'),
        name,
      ).toBe(digest);
    expect(countParameters(loadLanguageModel(join(models, model.name)).parameters)).toBe(parameters);
  });
});
