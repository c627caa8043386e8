import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../../lib/store/safetensors.ts';
import { createComputation } from '../../lib/tensor/computation.ts';
import { hiddenStates, outputLogits } from '../../lib/tensor/llama.ts';
import { logProbAt, mul, neg, reshape, logSoftmax, softmax, sum } from '../../lib/tensor/ops.ts';
import { dataFolder, readModel } from './reference-models.ts';

describe.each(['llama', 'llama-untied', 'qwen2', 'qwen2-padded'])('%s', (name) => {
  it('computes the logits, log-probabilities and entropies of Transformers on left-padded rows', async () => {
    const { config, parameters } = readModel(name);
    const expected = readSafetensors(`${dataFolder}models/${name}/forward.safetensors`);
    const numbers = (key: string): number[] =>
      Array.from(expected.get(key)?.data as ArrayLike<number | bigint>, Number);
    const mask = numbers('attention_mask');
    const shape = expected.get('input_ids')?.shape as number[];
    const [rows, time] = shape;
    const feed = (values: number[]) => ({ shape, data: Int32Array.from(values) });
    const segment = mask.map((m) => m - 1);
    const positions = mask.map((_, i) => {
      const start = i - (i % time);
      return Math.max(0, mask.slice(start, i + 1).reduce((a, b) => a + b, 0) - 1);
    });
    const ids = numbers('input_ids');
    const next = ids.map((_, i) => ids[i + 1] ?? 0);
    const forward = createComputation({
      parameters,
      threads: 1,
      trace: (p, x) => {
        const logits = outputLogits(
          config,
          p,
          hiddenStates(config, p, { ids: x.ids, positions: x.positions, segment: x.segment, parent: x.segment }),
        );
        return {
          logits,
          logprobs: logProbAt(logits, reshape(x.next, [-1])),
          entropy: neg(sum(mul(softmax(logits), logSoftmax(logits)), [-1])),
        };
      },
    });
    const actual = await forward.run({
      ids: feed(ids),
      positions: feed(positions),
      segment: feed(segment),
      next: feed(next),
    });
    await forward.release();
    const vocabulary = config.vocabularySize;
    const largest = { logits: 0, logprobs: 0, entropy: 0 };
    for (let row = 0; row < rows; row++) {
      for (let at = 0; at < time; at++) {
        const i = row * time + at;
        if (mask[i] === 0) continue;
        const worse = (key: keyof typeof largest, k: number, against: number) => {
          largest[key] = Math.max(largest[key], Math.abs(Number(actual[key][k]) - against));
        };
        for (let v = 0; v < vocabulary; v++)
          worse('logits', i * vocabulary + v, numbersOf('logits')[i * vocabulary + v]);
        worse('entropy', i, numbersOf('entropy')[i]);
        if (at + 1 < time) worse('logprobs', i, numbersOf('logprobs')[row * (time - 1) + at]);
      }
    }
    expect(largest.logits).toBeLessThan(2e-4);
    expect(largest.logprobs).toBeLessThan(1e-4);
    expect(largest.entropy).toBeLessThan(1e-4);

    function numbersOf(key: string): Float32Array {
      return expected.get(key)?.data as Float32Array;
    }
  });
});
