import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readSafetensors } from '../../lib/store/safetensors.ts';
import { supervisedObjective, uniformFeeds } from '../../lib/tensor/objectives.ts';
import { packGroups } from '../../lib/tensor/packing.ts';
import { createTrainer } from '../../lib/tensor/trainer.ts';
import { dataFolder, largestError, numbersOf, readModel } from './reference-models.ts';

it("three steps of training end where PyTorch's AdamW with clipping, decay and warm-up ends", async () => {
  const meta = JSON.parse(readFileSync(`${dataFolder}adamw.json`, 'utf8'));
  const stored = readSafetensors(`${dataFolder}adamw.safetensors`);
  const { config, parameters } = readModel(meta.model);
  const trainer = createTrainer({
    parameters,
    loss: supervisedObjective(config),
    adamw: { betas: meta.betas, epsilon: meta.eps, weightDecay: meta.weight_decay, gradientNorm: meta.clip_norm },
    threads: 1,
  });
  const ids = numbersOf(stored, 'input_ids');
  const width = stored.get('input_ids')?.shape[1] as number;
  const groups = Array.from({ length: ids.length / width }, (_, row) => ({
    prompt: Int32Array.of(ids[row * width]),
    completions: [Int32Array.from(ids.slice(row * width + 1, (row + 1) * width))],
  }));
  let unresolved = 0;
  for (const { step, lr, loss, grad_norm_before_clip } of meta.steps) {
    const feeds = uniformFeeds(packGroups(groups, 64));
    const result = await trainer.step(
      feeds,
      lr,
      feeds.map(() => 1),
    );
    expect(Math.abs(result.loss - loss)).toBeLessThan(1e-5);
    expect(Math.abs(result.gradientNorm - grad_norm_before_clip)).toBeLessThan(1e-4);
    for (const [name, { data }] of parameters) {
      // Where a gradient is near Adam's epsilon (the key biases: softmax hardly feels them), both sides divide rounding noise.
      const { data: second } = trainer.state().second.get(name) as { data: Float32Array };
      const resolved = (_: number, i: number): boolean =>
        Math.sqrt(second[i] / (1 - meta.betas[1] ** step)) > 10 * meta.eps;
      const expected = numbersOf(stored, `step${step}.${name}`);
      expect(largestError(data, expected).absolute, `${name} after step ${step}`).toBeLessThan(1e-4);
      const { absolute } = largestError(data.filter(resolved), expected.filter(resolved));
      expect(absolute, `${name} after step ${step}`).toBeLessThan(1e-5);
      unresolved += expected.length - expected.filter(resolved).length;
    }
  }
  await trainer.release();
  expect(unresolved).toBeLessThan(100);
});
