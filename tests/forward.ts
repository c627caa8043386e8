/** The engine's forward pass on whole texts, for comparisons. */
import { createComputation } from '../lib/tensor/computation.ts';
import type { LanguageModel } from '../lib/tensor/language-model.ts';
import { outputLogits } from '../lib/tensor/llama.ts';
import { packedFeeds } from '../lib/tensor/objectives.ts';
import { hiddenStates } from '../lib/tensor/packed-attention.ts';
import { packGroups } from '../lib/tensor/packing.ts';

/** Logits of texts as training computes them, one text after another: [tokens · vocabulary]. */
export async function logitsOf(
  { config, parameters }: Pick<LanguageModel, 'config' | 'parameters'>,
  texts: readonly ArrayLike<number>[],
): Promise<Float32Array> {
  const groups = texts.map((ids) => ({ prompt: Int32Array.from(ids), completions: [] }));
  const [batch] = packGroups(groups, Number.MAX_SAFE_INTEGER);
  const forward = createComputation({
    parameters,
    threads: 1,
    trace: (p, packed) => ({ logits: outputLogits(config, p, hiddenStates(config, p, packed)) }),
  });
  const { logits } = await forward.run(packedFeeds(batch));
  await forward.release();
  return (logits as Float32Array).slice(0, batch.used * config.vocabularySize);
}
