/**
 * A real pretrained model against Transformers: the folder that the oracle's smollm2.py writes (SmolLM2-135M-Instruct with reference.json).
 * NEWSHOUND_SMOLLM2 names it; else it is looked for beside the project. Without it the tests are skipped.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDecoder } from '../../lib/tensor/decoder.ts';
import { type LanguageModel, loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { logitsOf } from '../forward.ts';

const folder = process.env.NEWSHOUND_SMOLLM2 ?? join(import.meta.dirname, '../../../shared/oracle/smollm2');
const there = existsSync(join(folder, 'reference.json'));
if (!there) {
  console.warn(
    `SKIPPED: ${folder} has no reference.json, so no pretrained model is tested here. Write the folder with the oracle's smollm2.py, or name it in NEWSHOUND_SMOLLM2`,
  );
}

interface Reference {
  user: string;
  ids: number[];
  /** [id, log-probability] of the five likeliest next tokens. */
  top5: [number, number][];
  greedy_ids: number[];
}

describe.skipIf(!there)('SmolLM2-135M-Instruct', () => {
  let model: LanguageModel;
  let references: Reference[];
  beforeAll(() => {
    model = loadLanguageModel(folder);
    references = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8')) as Reference[];
  });
  afterAll(() => model.parameters.clear());

  it('reads a conversation as the same tokens', () => {
    for (const { user, ids } of references)
      expect(model.tokenizer.chat?.([{ role: 'user', content: user }])).toEqual(ids);
  });

  it('gives the likeliest next tokens the same log-probabilities, within 2e-3', async () => {
    for (const { ids, top5 } of references) {
      const { vocabularySize } = model.config;
      const last = (await logitsOf(model, [ids])).subarray(-vocabularySize);
      const normaliser = Math.log(last.reduce((total, logit) => total + Math.exp(logit), 0));
      for (const [id, logprob] of top5) expect(Math.abs(last[id] - normaliser - logprob)).toBeLessThan(2e-3);
    }
  });

  it('goes on greedily with the same first 24 tokens, through its KV cache', async () => {
    const decoder = createDecoder(model, { threads: 2 });
    const lists = await decoder.generate({
      prompts: references.map(({ ids }) => Int32Array.from(ids)),
      samples: 1,
      temperature: 0,
      topK: 0,
      topP: 1,
      minP: 0,
      maxTokens: 24,
      stopIds: model.tokenizer.stopIds,
      key: (prompt) => [prompt],
    });
    await decoder.release();
    lists.forEach(([{ tokens }], i) => expect([...tokens]).toEqual(references[i].greedy_ids.slice(0, 24)));
  });
});
