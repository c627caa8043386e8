/** Language models against Transformers: the forward pass, and greedy decoding through the KV cache. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors } from '../../lib/store/safetensors.ts';
import { createComputation } from '../../lib/tensor/computation.ts';
import { createDecoder } from '../../lib/tensor/decoder.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { hiddenStates, outputLogits } from '../../lib/tensor/llama.ts';
import { logProbAt, logSoftmax, mul, neg, reshape, softmax, sum } from '../../lib/tensor/ops.ts';
import { type Comparison, differences, largestError, numbersOf } from './comparison.ts';

/** models/NAME/forward.safetensors: logits, log-probabilities and entropies of left-padded rows. */
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
  const shape = stored.get('input_ids')?.shape as number[];
  const time = shape[1];
  const feed = (values: number[]) => ({ shape, data: Int32Array.from(values) });
  const positions = mask.map((_, i) => {
    const seen = mask.slice(i - (i % time), i + 1).reduce((total, m) => total + m, 0);
    return Math.max(0, seen - 1);
  });
  const forward = createComputation({
    parameters,
    threads: 1,
    trace: (p, { ids: tokens, positions: at, segment, next }) => {
      const logits = outputLogits(
        config,
        p,
        hiddenStates(config, p, { ids: tokens, positions: at, segment, parent: segment }),
      );
      return {
        logits,
        logprobs: logProbAt(logits, reshape(next, [-1])),
        entropy: neg(sum(mul(softmax(logits), logSoftmax(logits)), [-1])),
      };
    },
  });
  const actual = await forward.run({
    ids: feed(ids),
    positions: feed(positions),
    segment: feed(mask.map((m) => m - 1)),
    next: feed(ids.map((_, i) => ids[i + 1] ?? 0)),
  });
  await forward.release();
  const isToken = (row: number): boolean => mask[row] === 1;
  const hasNext = (row: number): boolean => isToken(row) && row % time < time - 1;
  const compare = (key: 'logits' | 'logprobs' | 'entropy', tolerance: number): Comparison => {
    const counts = key === 'logprobs' ? hasNext : isToken;
    const values = actual[key] as Float32Array;
    const width = values.length / mask.length;
    const ours = Array.from(values).filter((_, i) => counts(Math.floor(i / width)));
    // The reference has no log-probability at the last position.
    const isKept = (i: number): boolean =>
      key === 'logprobs'
        ? isToken(Math.floor(i / (time - 1)) * time + (i % (time - 1)))
        : isToken(Math.floor(i / width));
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
