/**
 * The two graphs of decoding. `prefillGraph` reads prompts and yields their keys and values; `stepGraph` writes one more token of many lists,
 * reading a KV cache that it never outputs: only the new slices come out.
 */
import type { Traced } from './computation.ts';
import type { ModelConfig } from './language-model-config.ts';
import { type Attention, groupedAttention, outputLogits, splitHeads, transformer } from './llama.ts';
import {
  add,
  broadcastTo,
  concat,
  less,
  logSoftmax,
  matmul,
  mul,
  range,
  reshape,
  slice,
  softmax,
  transpose,
  where,
} from './ops.ts';
import type { Tensor } from './graph.ts';

/**
 * Prompts, padded on the right. Fed: ids int32 [prompts, length], last int32 [prompts] (row of the last token among prompts · length),
 * the temperature (`nextToken`). Yields next [prompts, vocabulary], and for each layer key.L [prompts, keyValueHeads,
 * headDim, length] and value.L [prompts, keyValueHeads, length, headDim]: each as the products of every step to come read it.
 */
export function prefillGraph(config: ModelConfig, p: Traced, fed: Traced): Traced {
  const { ids, last } = fed;
  const [prompts, length] = ids.shape;
  const order = range(length);
  const isPast = less(reshape(order, [1, 1, length]), add(reshape(order, [1, length, 1]), 1));
  const bias = where(isPast, 0, -1e9);
  const cache: Traced = {};
  const positions = broadcastTo(reshape(order, [1, length]), [prompts, length]);
  const attention: Attention = (layer, queries, keys, values) => {
    const [key, value] = [splitHeads(keys, config), splitHeads(values, config)];
    cache[`key.${layer}`] = transpose(key, [0, 1, 3, 2]);
    cache[`value.${layer}`] = value;
    return groupedAttention(config, queries, key, value, bias);
  };
  const hidden = transformer(config, p, ids, positions, length, attention, { rows: last });
  return { next: nextToken(config, p, hidden, fed), ...cache };
}

/**
 * One token of each list. Lists stand in slots: slots · width rows, and the rows of a slot share a prompt. Fed: ids and positions int32
 * [rows, 1]; promptBias [slots, promptLength] and ownBias [rows, ownLength], 0 where the cache is filled, -1e9 elsewhere; for each
 * layer promptValue.L [slots, keyValueHeads, promptLength, headDim] and ownValue.L [slots, keyValueHeads, width, ownLength, headDim],
 * promptKey.L and ownKey.L the same with headDim before the length; the temperature (`nextToken`). Yields next [rows, vocabulary], key.L and value.L [rows, keyValueHeads · headDim].
 */
export function stepGraph(config: ModelConfig, p: Traced, fed: Traced): Traced {
  const { ids, positions, promptBias, ownBias } = fed;
  const { keyValueHeads, headDim, heads } = config;
  const rows = ids.shape[0];
  const [slots, promptLength] = promptBias.shape;
  const ownLength = ownBias.shape[1];
  const shared = heads / keyValueHeads;
  const width = rows / slots;
  const scale = 1 / Math.sqrt(headDim);
  const fresh: Traced = {};

  /** [rows, …, keyValueHeads · n · headDim] by slot and head, so that a slot's lists are one matrix to their prompt: [slots, keyValueHeads, width, n, headDim]. */
  const bySlot = (x: Tensor, n: number): Tensor =>
    transpose(reshape(x, [slots, width, keyValueHeads, n, headDim]), [0, 2, 1, 3, 4]);
  const together = [slots, keyValueHeads, width * shared];
  const apart = [slots, keyValueHeads, width, shared];
  const seen = promptLength + ownLength;

  const attention: Attention = (layer, queries, keys, values) => {
    fresh[`key.${layer}`] = reshape(keys, [rows, -1]);
    fresh[`value.${layer}`] = reshape(values, [rows, -1]);
    const [query, key, value] = [bySlot(queries, shared), bySlot(keys, 1), bySlot(values, 1)];
    const onPrompt = add(
      matmul(reshape(query, [...together, headDim]), fed[`promptKey.${layer}`], { scale }),
      reshape(promptBias, [slots, 1, 1, promptLength]),
    );
    const onOwn = add(
      matmul(query, fed[`ownKey.${layer}`], { scale }),
      reshape(ownBias, [slots, 1, width, 1, ownLength]),
    );
    const onSelf = matmul(query, key, { transB: true, scale });
    const weights = softmax(concat([reshape(onPrompt, [...apart, promptLength]), onOwn, onSelf], -1));
    const ofPrompt = reshape(slice(weights, -1, 0, promptLength), [...together, promptLength]);
    const fromPrompt = reshape(matmul(ofPrompt, fed[`promptValue.${layer}`]), [...apart, headDim]);
    const fromOwn = matmul(slice(weights, -1, promptLength, seen), fed[`ownValue.${layer}`]);
    const fromSelf = mul(slice(weights, -1, seen, seen + 1), value);
    const read = add(fromPrompt, add(fromOwn, fromSelf));
    return reshape(transpose(read, [0, 2, 1, 3, 4]), [rows, heads * headDim]);
  };
  const hidden = transformer(config, p, ids, positions, seen, attention);
  return { next: nextToken(config, p, hidden, fed), ...fresh };
}

/**
 * Hidden states [rows, hidden] to [rows, vocabulary] of the next token: probabilities where `inverseTemperature` [1] is fed, their natural
 * logs where `inverseTemperatureOfLogs` is.
 */
function nextToken(config: ModelConfig, p: Traced, hidden: Tensor, fed: Traced): Tensor {
  const logits = outputLogits(config, p, hidden);
  if (fed.inverseTemperature) return softmax(mul(logits, fed.inverseTemperature));
  return logSoftmax(mul(logits, fed.inverseTemperatureOfLogs));
}
