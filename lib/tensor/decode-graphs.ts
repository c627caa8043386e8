/**
 * The two graphs of decoding. `prefillGraph` reads prompts and yields their keys and values; `stepGraph` writes one more token of many lists,
 * reading a KV cache that it never outputs: only the new slices come out.
 */
import type { Traced } from './computation.ts';
import type { ModelConfig } from './language-model-config.ts';
import { groupedAttention, outputLogits, splitHeads, transformer } from './llama.ts';
import {
  add,
  broadcastTo,
  concat,
  gather,
  less,
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
 * inverseTemperature [1]. Yields probabilities [prompts, vocabulary] of the next token, and for each layer key.L and value.L
 * [prompts, keyValueHeads, length, headDim].
 */
export function prefillGraph(config: ModelConfig, p: Traced, { ids, last, inverseTemperature }: Traced): Traced {
  const [prompts, length] = ids.shape;
  const order = range(length);
  const isPast = less(reshape(order, [1, 1, length]), add(reshape(order, [1, length, 1]), 1));
  const bias = where(isPast, 0, -1e9);
  const cache: Traced = {};
  const positions = broadcastTo(reshape(order, [1, length]), [prompts, length]);
  const hidden = transformer(config, p, ids, positions, length, (layer, queries, keys, values) => {
    const [key, value] = [splitHeads(keys, config), splitHeads(values, config)];
    cache[`key.${layer}`] = key;
    cache[`value.${layer}`] = value;
    return groupedAttention(config, queries, key, value, bias);
  });
  return { probabilities: nextToken(config, p, gather(hidden, last), inverseTemperature), ...cache };
}

/**
 * One token of each list. Lists stand in slots: slots · width rows, and the rows of a slot share a prompt. Fed: ids and positions int32
 * [rows, 1]; promptBias [slots, promptLength] and ownBias [rows, ownLength], 0 where the cache is filled, -1e9 elsewhere; for each
 * layer promptKey.L and promptValue.L [slots, keyValueHeads, promptLength, headDim], ownKey.L and ownValue.L [rows, keyValueHeads,
 * ownLength, headDim]; inverseTemperature [1]. Yields probabilities [rows, vocabulary], key.L and value.L [rows, keyValueHeads, 1, headDim].
 */
export function stepGraph(config: ModelConfig, p: Traced, fed: Traced): Traced {
  const { ids, positions, promptBias, ownBias, inverseTemperature } = fed;
  const { keyValueHeads, headDim, heads } = config;
  const rows = ids.shape[0];
  const [slots, promptLength] = promptBias.shape;
  const ownLength = ownBias.shape[1];
  const shared = heads / keyValueHeads;
  const width = rows / slots;
  const scale = 1 / Math.sqrt(headDim);
  const fresh: Traced = {};

  /** [rows, keyValueHeads, shared, n] to [slots, keyValueHeads, width · shared, n]: lists of a slot read their prompt in one product. */
  const bySlot = (x: Tensor, n: number): Tensor =>
    reshape(transpose(reshape(x, [slots, width, keyValueHeads, shared, n]), [0, 2, 1, 3, 4]), [
      slots,
      keyValueHeads,
      width * shared,
      n,
    ]);
  const byRow = (x: Tensor, n: number): Tensor =>
    reshape(transpose(reshape(x, [slots, keyValueHeads, width, shared, n]), [0, 2, 1, 3, 4]), [
      rows,
      keyValueHeads,
      shared,
      n,
    ]);

  const hidden = transformer(config, p, ids, positions, promptLength + ownLength, (layer, queries, keys, values) => {
    const query = reshape(queries, [rows, keyValueHeads, shared, headDim]);
    const key = reshape(keys, [rows, keyValueHeads, 1, headDim]);
    const value = reshape(values, [rows, keyValueHeads, 1, headDim]);
    fresh[`key.${layer}`] = key;
    fresh[`value.${layer}`] = value;
    const onPrompt = add(
      matmul(bySlot(query, headDim), fed[`promptKey.${layer}`], { transB: true, scale }),
      reshape(promptBias, [slots, 1, 1, promptLength]),
    );
    const onOwn = add(
      matmul(query, fed[`ownKey.${layer}`], { transB: true, scale }),
      reshape(ownBias, [rows, 1, 1, ownLength]),
    );
    const onSelf = matmul(query, key, { transB: true, scale });
    const weights = softmax(concat([byRow(onPrompt, promptLength), onOwn, onSelf], -1));
    const seen = promptLength + ownLength;
    const fromPrompt = matmul(bySlot(slice(weights, -1, 0, promptLength), promptLength), fed[`promptValue.${layer}`]);
    const fromOwn = matmul(slice(weights, -1, promptLength, seen), fed[`ownValue.${layer}`]);
    const fromSelf = mul(slice(weights, -1, seen, seen + 1), value);
    return reshape(add(byRow(fromPrompt, headDim), add(fromOwn, fromSelf)), [rows, heads * headDim]);
  });
  return { probabilities: nextToken(config, p, hidden, inverseTemperature), ...fresh };
}

/** Hidden states [rows, hidden] to probabilities [rows, vocabulary]. */
function nextToken(config: ModelConfig, p: Traced, hidden: Tensor, inverseTemperature: Tensor): Tensor {
  return softmax(mul(outputLogits(config, p, hidden), inverseTemperature));
}
