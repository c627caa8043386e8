/** Language models against Transformers: the forward pass, and greedy decoding through the KV cache. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors } from '../../lib/store/safetensors.ts';
import { createComputation } from '../../lib/tensor/computation.ts';
import { createDecoder } from '../../lib/tensor/decoder.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { outputLogits } from '../../lib/tensor/llama.ts';
import { packedFeeds } from '../../lib/tensor/objectives.ts';
import { logProbAt, logSoftmax, mul, neg, softmax, sum } from '../../lib/tensor/ops.ts';
import { hiddenStates } from '../../lib/tensor/packed-attention.ts';
import { packGroups } from '../../lib/tensor/packing.ts';
import { type Comparison, differences, largestError, numbersOf } from './comparison.ts';

/** models/NAME/forward.safetensors: logits, log-probabilities and entropies of rows. */
export async function forwardComparisons(folder: string): Promise<Comparison[]> {
  return (await Promise.all(modelsIn(folder).map((name) => forwardOf(folder, name)))).flat();
}

/** models/NAME/greedy.json: all prompts of a model in one batch. */
export async function greedyComparisons(folder: string): Promise<Comparison[]> {
  return Promise.all(modelsIn(folder).map((name) => greedyOf(folder, name)));
}

function modelsIn(folder: string): string[] {
  return readdirSync(join(folder, 'models')).sort();
}

async function forwardOf(folder: string, name: string): Promise<Comparison[]> {
  const { config, parameters } = loadLanguageModel(join(folder, 'models', name));
  const stored = readSafetensors(join(folder, 'models', name, 'forward.safetensors'));
  const mask = numbersOf(stored, 'attention_mask');
  const ids = numbersOf(stored, 'input_ids');
  const time = stored.get('input_ids')?.shape[1] as number;
  const rows = Array.from({ length: ids.length / time }, (_, row) =>
    Int32Array.from(ids.slice(row * time, (row + 1) * time).filter((__, i) => mask[row * time + i] === 1)),
  );
  const [batch] = packGroups(
    rows.map((prompt) => ({ prompt, completions: [] })),
    ids.length + 64,
  );
  const forward = createComputation({
    parameters,
    threads: 1,
    trace: (p, { next, ...packed }) => {
      const logits = outputLogits(config, p, hiddenStates(config, p, packed));
      return {
        logits,
        logprobs: logProbAt(logits, next),
        entropy: neg(sum(mul(softmax(logits), logSoftmax(logits)), [-1])),
      };
    },
  });
  const next = batch.ids.map((_, i) => batch.ids[i + 1] ?? 0);
  const actual = await forward.run({ ...packedFeeds(batch), next: { shape: [batch.tokens], data: next } });
  await forward.release();
  const isLast = (token: number): boolean => token + 1 === batch.used || batch.positions[token + 1] === 0;
  const compare = (key: 'logits' | 'logprobs' | 'entropy', tolerance: number): Comparison => {
    const values = Array.from(actual[key] as Float32Array);
    const width = values.length / batch.tokens;
    const counts = (token: number): boolean => token < batch.used && !(key === 'logprobs' && isLast(token));
    const ours = values.filter((_, i) => counts(Math.floor(i / width)));
    // The reference has no log-probability at the last position.
    const isKept = (i: number): boolean =>
      key === 'logprobs'
        ? mask[Math.floor(i / (time - 1)) * time + (i % (time - 1))] === 1
        : mask[Math.floor(i / width)] === 1;
    const expected = numbersOf(stored, key).filter((_, i) => isKept(i));
    return { what: `${name}: ${key}`, error: largestError(ours, expected).absolute, tolerance };
  };
  return [compare('logits', 2e-4), compare('logprobs', 1e-4), compare('entropy', 1e-4)];
}

async function greedyOf(folder: string, name: string): Promise<Comparison> {
  const model = loadLanguageModel(join(folder, 'models', name));
  const reference = JSON.parse(readFileSync(join(folder, 'models', name, 'greedy.json'), 'utf8')) as {
    prompt: number[];
    continuation: number[];
  }[];
  const decoder = createDecoder(model, { threads: 1 });
  const lists = await decoder.generate({
    prompts: reference.map(({ prompt }) => Int32Array.from(prompt)),
    samples: 1,
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    maxTokens: Math.max(...reference.map(({ continuation }) => continuation.length)),
    stopIds: model.tokenizer.stopIds,
    key: (prompt) => [prompt],
  });
  await decoder.release();
  const wrong = reference.map(({ continuation }, i) => differences(lists[i][0].tokens, continuation));
  return {
    what: `${name}: greedy ids through the KV cache, differing`,
    error: wrong.reduce((a, b) => a + b, 0),
    tolerance: 0,
  };
}
