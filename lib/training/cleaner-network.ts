/**
 * The cleaner's network: the blocks of llama.ts without the causal mask, so that every token of a signal attends to every other (Devlin
 * et al. 2019 are bidirectional so); the mean of the final states gives one logit of noise. A signal is its prompt: kind, text, list token.
 */
import type { SignalRow } from '../data/rows.ts';
import { MAX_SIGNAL_TOKENS, promptOf, type PromptTokenizer } from '../method/prompt.ts';
import type { Traced } from '../tensor/computation.ts';
import type { Tensor } from '../tensor/graph.ts';
import type { ModelConfig } from '../tensor/language-model-config.ts';
import { parameterShapes } from '../tensor/language-model-config.ts';
import { groupedAttention, initialParameters, splitHeads, transformer } from '../tensor/llama.ts';
import { add, broadcastTo, div, matmul, mul, range, reshape, sub, sum } from '../tensor/ops.ts';
import type { Parameters } from '../tensor/parameters.ts';
import type { Feeds } from '../tensor/session.ts';

/** What decides the weights' shapes, beside the vocabulary. */
export interface CleanerShape {
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
}

/** Row tokens: kind, text, list token. */
export const ROW_TOKENS = MAX_SIGNAL_TOKENS + 2;
/** More of a text than its tokens can hold: bounds the work on a page of megabytes. */
const READ_CHARACTERS = 1000;

const headWeight = 'noise.weight';
const headBias = 'noise.bias';

/** Token ids of one signal: 1 to ROW_TOKENS. Special-token strings in its text are text. */
export function signalTokens({ kind, text }: Pick<SignalRow, 'kind' | 'text'>, tokenizer: PromptTokenizer): Int32Array {
  return promptOf([{ kind, text: text.slice(0, READ_CHARACTERS), at: 0, articleId: null }], tokenizer, ROW_TOKENS);
}

/** Rows of token ids as `rows` × `time` ids with a mask of real tokens; rows that `signals` do not fill hold one token. */
export function paddedFeeds(signals: readonly Int32Array[], rows: number, time: number): Feeds {
  const ids = new Int32Array(rows * time);
  const mask = new Float32Array(rows * time);
  for (let row = 0; row < rows; row++) {
    const tokens = signals.at(row) ?? Int32Array.of(0);
    ids.set(tokens, row * time);
    mask.fill(1, row * time, row * time + tokens.length);
  }
  return { ids: { shape: [rows, time], data: ids }, mask: { shape: [rows, time], data: mask } };
}

/** Logits of noise [batch] of padded rows: ids and mask [batch, time]. What stands under the mask changes nothing. */
export function noiseLogits(shape: CleanerShape, p: Traced, ids: Tensor, mask: Tensor): Tensor {
  const [batch, time] = ids.shape;
  const config = configOf(shape, p['model.embed_tokens.weight'].shape[0]);
  const positions = broadcastTo(reshape(range(time), [1, time]), [batch, time]);
  const bias = reshape(mul(sub(mask, 1), 1e9), [batch, 1, time]);
  const states = transformer(config, p, ids, positions, time, (_, queries, keys, values) =>
    groupedAttention(config, queries, splitHeads(keys, config), splitHeads(values, config), bias),
  );
  const weighted = mul(reshape(states, [batch, time, shape.hidden]), reshape(mask, [batch, time, 1]));
  const pooled = div(sum(weighted, [1]), sum(mask, [1], true));
  return reshape(add(matmul(pooled, p[headWeight]), p[headBias]), [batch]);
}

/** Untrained weights, a function of the seed: every signal is as likely noise as not. */
export function initialCleaner(shape: CleanerShape, vocabularySize: number, seed: number): Parameters {
  const head: Parameters = new Map(
    [...headShapes(shape)].map(([name, dimensions]) => [
      name,
      { shape: dimensions, data: new Float32Array(dimensions[0]) },
    ]),
  );
  return new Map([...initialParameters(configOf(shape, vocabularySize), seed), ...head]);
}

/** Shapes of all weights by name. */
export function cleanerShapes(shape: CleanerShape, vocabularySize: number): Map<string, number[]> {
  return new Map([...parameterShapes(configOf(shape, vocabularySize)), ...headShapes(shape)]);
}

function headShapes({ hidden }: CleanerShape): Map<string, number[]> {
  return new Map([
    [headWeight, [hidden, 1]],
    [headBias, [1]],
  ]);
}

function configOf({ hidden, intermediate, layers, heads }: CleanerShape, vocabularySize: number): ModelConfig {
  return {
    family: 'llama',
    vocabularySize,
    hiddenSize: hidden,
    intermediateSize: intermediate,
    layers,
    heads,
    keyValueHeads: heads,
    headDim: hidden / heads,
    ropeTheta: 10_000,
    rmsEpsilon: 1e-5,
    tiedEmbeddings: true,
    attentionBias: false,
    maxPositions: ROW_TOKENS,
  };
}
