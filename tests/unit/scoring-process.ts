/**
 * A process that scores GROUPS groups of lists, one after another. Prints the most resident memory that it had, bytes.
 *
 *     node scoring-process.ts GROUPS
 */
import { readFileSync } from 'node:fs';
import { initialParameters } from '../../lib/tensor/llama.ts';
import type { LanguageModel } from '../../lib/tensor/language-model.ts';
import { scoreTokens } from '../../lib/tensor/learner.ts';

// A table that is large beside the layers: the buffers of a run are tens of megabytes.
const config = {
  family: 'llama',
  ropeTheta: 10_000,
  rmsEpsilon: 1e-5,
  tiedEmbeddings: true,
  attentionBias: false,
  maxPositions: 2048,
  vocabularySize: 16_384,
  hiddenSize: 32,
  intermediateSize: 64,
  layers: 1,
  heads: 2,
  keyValueHeads: 2,
  headDim: 16,
} as LanguageModel['config'];
const model = { config, parameters: initialParameters(config, 1) } as LanguageModel;
const tokens = (length: number): Int32Array => Int32Array.from({ length }, (_, i) => 1 + i);
const groups = Array.from({ length: Number(process.argv[2]) }, () => ({
  prompt: tokens(32),
  completions: Array.from({ length: 8 }, () => tokens(48)),
}));
await scoreTokens(model, groups, { temperature: 1, threads: 1, microBatchTokens: 448 });
console.log(1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]));
