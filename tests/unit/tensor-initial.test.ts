import { describe, expect, it } from 'vitest';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { initialParameters } from '../../lib/tensor/llama.ts';

const model = new URL('../oracle/data/models/llama', import.meta.url).pathname;

describe('random weights', () => {
  it.each([
    { heads: 4, keyValueHeads: 4 },
    { heads: 4, keyValueHeads: 2 },
  ])(
    'look for what is alike and write what they read ($heads heads, $keyValueHeads of keys)',
    ({ heads, keyValueHeads }) => {
      const [headDim, hiddenSize] = [4, 8];
      const config = { ...loadLanguageModel(model).config, layers: 2, heads, keyValueHeads, headDim, hiddenSize };
      const parameters = initialParameters(config, 1);
      const entry = (name: string, row: number, column: number): number => {
        const { shape, data } = parameters.get(`model.layers.1.self_attn.${name}_proj.weight`) ?? {
          shape: [],
          data: [],
        };
        return data[row * shape[1] + column];
      };
      const group = heads / keyValueHeads;
      for (let kv = 0; kv < keyValueHeads; kv++)
        for (let d = 0; d < headDim; d++)
          for (let i = 0; i < hiddenSize; i++) {
            const last = kv * group + group - 1;
            expect(entry('k', kv * headDim + d, i)).toBe(entry('q', last * headDim + d, i));
            for (let head = kv * group; head <= last; head++)
              expect(entry('o', i, head * headDim + d)).toBe(entry('v', kv * headDim + d, i) / 2);
          }
      expect(initialParameters(config, 1)).toEqual(parameters);
    },
  );
});
