import { describe, expect, it } from 'vitest';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { parameterShapes } from '../../lib/tensor/language-model-config.ts';
import { withFewerLayers } from '../../lib/tensor/fewer-layers.ts';
import { scoreTokens } from '../../lib/tensor/learner.ts';

const model = loadLanguageModel(`${import.meta.dirname}/../oracle/data/models/llama`);
const layerOf = (smaller: typeof model, layer: number): number =>
  [0, 1, 2].findIndex(
    (from) =>
      smaller.parameters.get(`model.layers.${layer}.mlp.up_proj.weight`) ===
      model.parameters.get(`model.layers.${from}.mlp.up_proj.weight`),
  );

describe('a model of fewer layers', () => {
  it('has them spread from the first to the last, and all else of the larger one', () => {
    const smaller = withFewerLayers(model, 2);
    expect([layerOf(smaller, 0), layerOf(smaller, 1)]).toEqual([0, 2]);
    expect([...smaller.parameters.keys()]).toEqual([...parameterShapes(smaller.config).keys()]);
    expect(smaller.parameters.get('model.norm.weight')).toBe(model.parameters.get('model.norm.weight'));
    expect(layerOf(withFewerLayers(model, 1), 0)).toBe(2);
  });

  it('with all layers is the same model', () => {
    expect(withFewerLayers(model, 3)).toEqual(model);
  });

  it('runs', async () => {
    const groups = [{ prompt: Int32Array.of(4, 5), completions: [Int32Array.of(6, 7)] }];
    const { logprobs } = await scoreTokens(withFewerLayers(model, 2), groups, { temperature: 1, threads: 1 });
    expect(logprobs[0][0].every(Number.isFinite)).toBe(true);
  });

  it('cannot have more, or none', () => {
    expect(() => withFewerLayers(model, 4)).toThrow(RangeError);
    expect(() => withFewerLayers(model, 0)).toThrow(RangeError);
  });
});
