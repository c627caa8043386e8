/**
 * The network on packed groups (packing.ts). Everything but attention works on tokens without gaps. Attention needs blocks: tokens are moved
 * into them, prompts attend to themselves, lists to their prompt and to themselves, and what they read is moved back. So no score is computed
 * between one list and another, which would be most of them.
 */
import type { Traced } from './computation.ts';
import type { Tensor } from './graph.ts';
import type { ModelConfig } from './language-model-config.ts';
import { groupedAttention, splitHeads, transformer } from './llama.ts';
import { add, concat, less, matmul, range, rearrange, reshape, slice, softmax, transpose, where } from './ops.ts';

/** What attention has to know of a PackedBatch, all int32: see there. */
export interface PackedTokens {
  /** [tokens]. */
  ids: Tensor;
  positions: Tensor;
  /** [groups]. */
  promptLengths: Tensor;
  /** [groups, promptLength], [groups, lists, listLength]. */
  promptAt: Tensor;
  listAt: Tensor;
  /** [tokens]. */
  inPrompts: Tensor;
  inLists: Tensor;
}

/** Final hidden states [tokens, hidden] of the fed `PackedTokens`. `recompute`: of each layer only the input is kept for the gradient. */
export function hiddenStates(config: ModelConfig, p: Traced, packed: Traced, recompute = false): Tensor {
  const { ids, positions, promptAt, listAt, inPrompts, inLists, promptLengths } = packed;
  const [tokens] = ids.shape;
  const [groups, promptLength] = promptAt.shape;
  const [, lists, listLength] = listAt.shape;
  const toPrompts = (x: Tensor): Tensor =>
    reshape(rearrange(reshape(x, [tokens, -1]), reshape(promptAt, [-1]), inPrompts), [groups, promptLength, -1]);
  const toLists = (x: Tensor): Tensor =>
    reshape(rearrange(reshape(x, [tokens, -1]), reshape(listAt, [-1]), inLists), [groups, lists, listLength, -1]);
  const isPrompt = less(reshape(range(promptLength), [1, promptLength]), reshape(promptLengths, [groups, 1]));
  const promptBias = where(isPrompt, 0, HIDDEN);
  const column = (x: Tensor): Tensor => reshape(x, [tokens, 1]);
  return transformer(
    config,
    p,
    column(ids),
    column(positions),
    promptLength + listLength,
    (_, queries, keys, values) => {
      const [promptKeys, promptValues] = [splitHeads(toPrompts(keys), config), splitHeads(toPrompts(values), config)];
      const byPrompts = groupedAttention(
        config,
        toPrompts(queries),
        promptKeys,
        promptValues,
        causalBias(promptLength),
      );
      const byLists = listAttention(config, {
        queries: toLists(queries),
        keys: toLists(keys),
        values: toLists(values),
        promptKeys,
        promptValues,
        promptBias,
      });
      return add(
        rearrange(byPrompts, inPrompts, reshape(promptAt, [-1])),
        rearrange(byLists, inLists, reshape(listAt, [-1])),
      );
    },
    recompute,
  );
}

/** Added to the scores of what may not be seen. */
const HIDDEN = -1e9;

/** 0 up to a token itself, hidden after it: [1, time, time]. Padding stands at the end, where no token looks. */
function causalBias(time: number): Tensor {
  const index = range(time);
  const isPast = less(reshape(index, [1, 1, time]), add(reshape(index, [1, time, 1]), 1));
  return where(isPast, 0, HIDDEN);
}

/**
 * Lists [groups, lists, time, heads · headDim] on the keys and values of their prompt [groups, keyValueHeads, promptLength, headDim] and
 * on their own [groups, lists, time, keyValueHeads · headDim] → [groups · lists · time, heads · headDim]. promptBias [groups, promptLength].
 */
function listAttention(
  { heads, keyValueHeads, headDim }: ModelConfig,
  on: Record<'queries' | 'keys' | 'values' | 'promptKeys' | 'promptValues' | 'promptBias', Tensor>,
): Tensor {
  const [groups, lists, time] = on.queries.shape;
  const promptLength = on.promptKeys.shape[2];
  const shared = heads / keyValueHeads;
  const scale = 1 / Math.sqrt(headDim);
  // In this order of dimensions a group's lists are one matrix to its prompt, and a matrix each to themselves.
  const ordered = [groups, keyValueHeads, lists, shared * time];
  const together = [groups, keyValueHeads, lists * shared * time];
  const own = (x: Tensor): Tensor =>
    transpose(reshape(x, [groups, lists, time, keyValueHeads, headDim]), [0, 3, 1, 2, 4]);
  const queries = transpose(
    reshape(on.queries, [groups, lists, time, keyValueHeads, shared, headDim]),
    [0, 3, 1, 4, 2, 5],
  );
  const onPrompt = add(
    matmul(reshape(queries, [...together, headDim]), on.promptKeys, { transB: true, scale }),
    reshape(on.promptBias, [groups, 1, 1, promptLength]),
  );
  const onOwn = add(
    reshape(matmul(reshape(queries, [...ordered, headDim]), own(on.keys), { transB: true, scale }), [
      groups,
      keyValueHeads,
      lists * shared,
      time,
      time,
    ]),
    causalBias(time),
  );
  const weights = softmax(
    concat([reshape(onPrompt, [...ordered, promptLength]), reshape(onOwn, [...ordered, time])], -1),
  );
  const ofPrompt = reshape(slice(weights, -1, 0, promptLength), [...together, promptLength]);
  const ofOwn = slice(weights, -1, promptLength, promptLength + time);
  const read = add(reshape(matmul(ofPrompt, on.promptValues), [...ordered, headDim]), matmul(ofOwn, own(on.values)));
  const places = reshape(read, [groups, keyValueHeads, lists, shared, time, headDim]);
  return reshape(transpose(places, [0, 2, 4, 1, 3, 5]), [groups * lists * time, heads * headDim]);
}
