/**
 * A process of training as the teacher's is: lists are sampled from the policy, then it is updated on them; state in, state out.
 *
 *     node training-process.ts FROM TO STATE_IN|- STATE_OUT
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { createDecoder } from '../../lib/tensor/decoder.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { createPolicyLearner } from '../../lib/tensor/learner.ts';
import type { TrainerState } from '../../lib/tensor/trainer.ts';

const [from, to, before, after] = process.argv.slice(2);
const threads = 2;
const model = loadLanguageModel(`${import.meta.dirname}/../oracle/data/models/llama`);
const learner = await createPolicyLearner(model, {
  loss: 'dr_grpo',
  clipLow: 0.2,
  clipHigh: 0.2,
  klWeight: 0,
  maxListTokens: 8,
  temperature: 0.8,
  adamw: { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.01, gradientNorm: 1 },
  threads,
  microBatchTokens: 128,
});
if (before !== '-') await learner.load(deserialize(readFileSync(before)) as TrainerState);
const prompts = [9, 30, 17].map((length, i) => Int32Array.from({ length }, (_, at) => 3 + ((at * 7 + i * 31) % 500)));
for (let step = Number(from); step < Number(to); step++) {
  const decoder = createDecoder(model, { threads });
  const lists = await decoder.generate({
    prompts,
    samples: 4,
    temperature: 0.8,
    topK: 0,
    topP: 1,
    minP: 0,
    maxTokens: 8,
    stopIds: Array.from({ length: 32 }, (_, i) => i * 16),
    key: (prompt, sample) => ['restarts', step, prompt, sample],
  });
  await decoder.release();
  const groups = prompts.map((prompt, i) => ({
    prompt,
    // Even tokens are good.
    completions: lists[i].map(({ tokens, logprobs }) => ({
      tokens,
      logprobs,
      advantage: tokens.reduce((sum, token) => sum + (token % 2 === 0 ? 1 : -1), 0) / tokens.length,
      masked: false,
    })),
  }));
  await learner.update(groups, 1e-3);
}
writeFileSync(after, serialize(learner.state()));
await learner.release();
