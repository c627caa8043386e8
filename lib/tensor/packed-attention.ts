/**
 * The network on packed groups (packing.ts). Everything but attention works on tokens without gaps. Attention needs blocks: tokens are moved
 * into them, prompts attend to themselves, lists to their prompt and to themselves, and what they read is moved back. So no score is computed
 * between one list and another, which would be most of them.
 */
import type { Traced } from './computation.ts';
import type { Tensor } from './graph.ts';
import type { ModelConfig } from './language-model-config.ts';
import { type Attention, groupedAttention, splitHeads, transformer } from './llama.ts';
import { add, broadcastTo, concat, less, range, rearrange, reshape, where } from './ops.ts';

/**
 * Final hidden states [rows, hidden] of the tokens at int32 `rows`, of a PackedBatch as `packedFeeds` feeds it: the last layer's wide
 * parts are computed for these alone. `recompute`: of each layer only the input is kept for the gradient.
 */
export function hiddenStates(
  config: ModelConfig,
  p: Traced,
  packed: Traced,
  { rows, recompute }: { rows?: Tensor; recompute?: boolean } = {},
): Tensor {
  const { ids, positions } = packed;
  const column = (x: Tensor): Tensor => reshape(x, [ids.shape[0], 1]);
  const attention = blockAttention(config, packed);
  return transformer(config, p, column(ids), column(positions), positionLimit(packed), attention, { rows, recompute });
}

function positionLimit({ promptAt, listAt }: Traced): number {
  return promptAt.shape[1] + (listAt?.shape[2] ?? 0);
}

function blockAttention(config: ModelConfig, packed: Traced): Attention {
  const { promptAt, listAt, inPrompts, inLists, promptLengths } = packed;
  const [groups, promptLength] = promptAt.shape;
  const toPrompts = (x: Tensor): Tensor => toBlock(x, promptAt, inPrompts);
  const fromBlock = (x: Tensor, at: Tensor, places: Tensor): Tensor => rearrange(x, places, reshape(at, [-1]));
  const pastOfPrompt = causalBias(promptLength);
  if (!listAt) {
    return (_, queries, keys, values) => {
      const [k, v] = [splitHeads(toPrompts(keys), config), splitHeads(toPrompts(values), config)];
      return fromBlock(groupedAttention(config, toPrompts(queries), k, v, pastOfPrompt), promptAt, inPrompts);
    };
  }
  const [, lists, listLength] = listAt.shape;
  const inBlocks = groups * lists;
  const toLists = (x: Tensor): Tensor => toBlock(x, reshape(listAt, [inBlocks, listLength]), inLists);
  const onPrompt = where(less(reshape(range(promptLength), [1, -1]), reshape(promptLengths, [groups, 1])), 0, HIDDEN);
  const bias = concat(
    [
      reshape(broadcastTo(reshape(onPrompt, [groups, 1, 1, promptLength]), [groups, lists, listLength, promptLength]), [
        inBlocks,
        listLength,
        promptLength,
      ]),
      broadcastTo(causalBias(listLength), [inBlocks, listLength, listLength]),
    ],
    -1,
  );
  /** The keys or values of each list behind those of its prompt: [groups · lists, keyValueHeads, promptLength + listLength, headDim]. */
  const behindPrompt = (ofPrompts: Tensor, own: Tensor): Tensor => {
    const [, heads, , dim] = ofPrompts.shape;
    const repeated = broadcastTo(reshape(ofPrompts, [groups, 1, heads, promptLength, dim]), [
      groups,
      lists,
      heads,
      promptLength,
      dim,
    ]);
    return concat([reshape(repeated, [inBlocks, heads, promptLength, dim]), own], 2);
  };
  return (_, queries, keys, values) => {
    const [k, v] = [splitHeads(toPrompts(keys), config), splitHeads(toPrompts(values), config)];
    const [listKeys, listValues] = [
      behindPrompt(k, splitHeads(toLists(keys), config)),
      behindPrompt(v, splitHeads(toLists(values), config)),
    ];
    return add(
      fromBlock(groupedAttention(config, toPrompts(queries), k, v, pastOfPrompt), promptAt, inPrompts),
      fromBlock(groupedAttention(config, toLists(queries), listKeys, listValues, bias), listAt, inLists),
    );
  };
}

/** Tokens' numbers [tokens, 1, width] to their places in a block `at` [blocks, length] → [blocks, length, width]. */
function toBlock(x: Tensor, at: Tensor, places: Tensor): Tensor {
  return reshape(rearrange(reshape(x, [x.shape[0], -1]), reshape(at, [-1]), places), [...at.shape, -1]);
}

/** Added to the scores of what may not be seen. */
const HIDDEN = -1e9;

/** 0 up to a token itself, hidden after it: [1, time, time]. Padding stands at the end, where no token looks. */
function causalBias(time: number): Tensor {
  const index = range(time);
  const isPast = less(reshape(index, [1, 1, time]), add(reshape(index, [1, time, 1]), 1));
  return where(isPast, 0, HIDDEN);
}
