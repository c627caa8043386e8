import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../../lib/store/safetensors.ts';
import {
  type PolicyObjective,
  policyFeeds,
  policyObjective,
  type ScoredGroup,
  tokenGroups,
} from '../../lib/tensor/objectives.ts';
import { packGroups } from '../../lib/tensor/packing.ts';
import { createTrainer } from '../../lib/tensor/trainer.ts';
import { dataFolder, largestError, maskedRows, numbersOf, readModel } from './reference-models.ts';

const variants = ['dr_grpo', 'dr_grpo-clip-higher', 'dr_grpo-kl', 'grpo', 'dapo', 'gspo'];

describe.each(variants)('%s', (variant) => {
  const meta = JSON.parse(readFileSync(`${dataFolder}grpo/${variant}.json`, 'utf8'));
  const stored = readSafetensors(`${dataFolder}grpo/${variant}.safetensors`);
  const { config, parameters } = readModel(meta.model);
  const objective: PolicyObjective = {
    loss: meta.importance_sampling_level === 'sequence' ? 'gspo' : meta.loss_type,
    clipLow: meta.epsilon,
    clipHigh: meta.epsilon_high ?? meta.epsilon,
    delta: meta.delta ?? null,
    klWeight: meta.beta ?? 0,
    maxListTokens: meta.max_completion_length,
    temperature: 1,
  };

  it.each([
    ['a group as one packed row', (lists: ScoredGroup[]) => groupsOfPrompts(lists), 4096],
    ['one list a row', (lists: ScoredGroup[]) => lists, 4096],
    ['micro-batches of one row', (lists: ScoredGroup[]) => groupsOfPrompts(lists), 64],
  ])("has TRL's loss and gradients of every parameter, with %s", async (_, arrange, tokens) => {
    const groups = arrange(readLists());
    const trainer = createTrainer({
      parameters,
      loss: policyObjective(config, objective),
      adamw: { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0, gradientNorm: null },
      threads: 1,
    });
    const batches = packGroups(tokenGroups(groups), tokens);
    if (tokens === 64) expect(batches.length).toBeGreaterThan(1);
    let loss = 0;
    const sums = new Map<string, Float64Array>();
    for (const feeds of policyFeeds(batches, groups, objective)) {
      const part = await trainer.gradients(feeds);
      loss += part.loss;
      for (const [name, gradient] of part.gradients) {
        const sum = sums.get(name) ?? new Float64Array(gradient.length);
        gradient.forEach((g, i) => (sum[i] += g));
        sums.set(name, sum);
      }
    }
    await trainer.release();
    expect(Math.abs(loss - meta.loss)).toBeLessThan(1e-5);
    for (const [name, gradient] of sums) {
      const { relative } = largestError(gradient, numbersOf(stored, `grad.${name}`));
      expect(relative, `gradient of ${name}`).toBeLessThan(1e-4);
    }
  });

  function readLists(): ScoredGroup[] {
    const width = (name: string): number => stored.get(name)?.shape[1] as number;
    const promptMask = numbersOf(stored, 'prompt_mask');
    const mask = numbersOf(stored, 'completion_mask');
    const rowsOf = (name: string): number[][] => maskedRows(numbersOf(stored, name), mask, width('completion_ids'));
    const prompts = maskedRows(numbersOf(stored, 'prompt_ids'), promptMask, width('prompt_ids'));
    const tokens = rowsOf('completion_ids');
    const sampled = rowsOf('old_per_token_logps');
    const reference = objective.klWeight > 0 ? rowsOf('ref_per_token_logps') : [];
    const advantages = numbersOf(stored, 'advantages');
    return prompts.map((prompt, i) => ({
      prompt: Int32Array.from(prompt),
      completions: [
        {
          tokens: Int32Array.from(tokens[i]),
          logprobs: Float32Array.from(sampled[i]),
          advantage: advantages[i],
          masked: false,
          reference: reference[i] && Float32Array.from(reference[i]),
        },
      ],
    }));
  }
});

/** Neighbours with the same prompt as one group. */
function groupsOfPrompts(lists: ScoredGroup[]): ScoredGroup[] {
  const groups: ScoredGroup[] = [];
  for (const { prompt, completions } of lists) {
    const last = groups.at(-1);
    if (last && last.prompt.join() === prompt.join()) {
      groups[groups.length - 1] = { prompt, completions: [...last.completions, ...completions] };
    } else groups.push({ prompt, completions });
  }
  return groups;
}
