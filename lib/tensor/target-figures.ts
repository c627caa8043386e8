/** What is computed of each target (a token to be predicted) from its logits: the memory peak of a step, so it is done in chunks. */
import type { Traced } from './computation.ts';
import type { Tensor } from './graph.ts';
import type { ModelConfig } from './language-model-config.ts';
import { outputTable } from './llama.ts';
import { hiddenStates } from './packed-attention.ts';
import { checkpoint, concat, logSoftmax, matmul, mul, neg, reshape, slice, softmax, sum } from './ops.ts';

/** How much memory a step may trade for time. Results differ by rounding at most. */
export interface MemorySettings {
  /** Of each layer keep only the input, and compute the rest again for the gradient: a third more time, a fraction of the memory. Default false. */
  recompute?: boolean;
  /**
   * Targets whose logits are in memory at the same time; their logits are then computed again for the gradient. Default: all where their
   * logits take 256 MiB at most (64 with `recompute`), else as many as take that.
   */
  targetsAtOnce?: number;
}

/** A model whose targets are asked for, with its logits' temperature, on the first `vocabulary` entries of its table (default: all). */
interface Predictor {
  config: ModelConfig;
  parameters: Traced;
  temperature: number;
  vocabulary?: number;
}

/**
 * Figures of each target, [targets] each, from the logits [some, vocabulary] of every predictor; `part` takes the same targets of a
 * fed value. Where there are too many, they are computed in chunks, so that logits never exist whole.
 */
export function targetFigures(
  predictors: readonly Predictor[],
  x: Traced,
  { recompute, targetsAtOnce }: MemorySettings,
  figures: (logits: Tensor[], part: (fed: Tensor) => Tensor) => Tensor[],
): Tensor[] {
  const outputs = predictors.map(({ config, parameters, vocabulary }) => {
    const hidden = hiddenStates(config, parameters, x, { rows: x.source, recompute });
    const table = outputTable(config, parameters);
    return { hidden, table, rows: vocabulary ?? config.vocabularySize };
  });
  const [targets] = x.source.shape;
  const widest = Math.max(...outputs.map(({ rows }) => rows));
  const atOnce = Math.min(targets, targetsAtOnce ?? automatic(widest, recompute ? 2 ** 26 : 2 ** 28));
  const chunk = (start: number, end: number): Tensor[] => {
    const part = (fed: Tensor): Tensor => slice(fed, 0, start, end);
    const hidden = outputs.map((output) => part(output.hidden));
    const logits = outputs.map(({ table, rows }, i) =>
      matmul(hidden[i], slice(table, 0, 0, rows), { transB: true, scale: 1 / predictors[i].temperature }),
    );
    const values = figures(logits, part);
    if (atOnce >= targets) return values;
    const joined = concat(
      values.map((value) => reshape(value, [1, end - start])),
      0,
    );
    const kept = checkpoint(joined, [...hidden, ...outputs.map(({ table }) => table)]);
    return values.map((_, i) => reshape(slice(kept, 0, i, i + 1), [end - start]));
  };
  const chunks: Tensor[][] = [];
  for (let start = 0; start < targets; start += atOnce) chunks.push(chunk(start, Math.min(targets, start + atOnce)));
  return chunks[0].map((_, i) =>
    concat(
      chunks.map((values) => values[i]),
      0,
    ),
  );
}

/** As many targets as their logits take `bytes`, in multiples of 64 where that is not too coarse. */
function automatic(vocabulary: number, bytes: number): number {
  const targets = Math.max(1, Math.floor(bytes / 4 / vocabulary));
  return targets > 64 ? targets - (targets % 64) : targets;
}

/** The entropy of each row of logits, nats. */
export function entropyOf(logits: Tensor): Tensor {
  return neg(sum(mul(softmax(logits), logSoftmax(logits)), [-1]));
}
