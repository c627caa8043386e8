/**
 * Where the lists of a batch stand, and what attention remembers of them. Rows are grouped in slots of equal width; the rows of a slot
 * share one prompt, whose keys and values are held once a slot. Rows and slots beyond what is occupied are padding.
 */
import type { TensorData } from './graph.ts';
import type { ModelConfig } from './language-model-config.ts';
import type { Value } from './session.ts';

/** Keys and values of one prompt in the outputs of a prefill: entry `index` of key.L and value.L [prompts, keyValueHeads, paddedLength, headDim]. */
export interface PromptMemory {
  index: number;
  length: number;
  paddedLength: number;
  outputs: Readonly<Record<string, TensorData>>;
}

export interface CacheShape {
  slots: number;
  width: number;
  promptLength: number;
  ownLength: number;
}

/** One list's place: its row, and the row it had in the cache before (null: it is new, nothing to carry over). */
export interface Placement {
  row: number;
  previousRow: number | null;
  prompt: PromptMemory;
}

export interface KvCache {
  readonly shape: CacheShape;
  /** What stepGraph is fed of the cache. */
  readonly feeds: Record<string, Value & { data: Float32Array }>;
  /** Takes in the new key and value slices [rows, keyValueHeads, 1, headDim] of a step, as own position `time`. */
  append(outputs: Readonly<Record<string, TensorData>>, time: number): void;
}

/** A cache of this shape that holds the placed lists: prompts from their prefill, own tokens from the cache before. */
export function createKvCache(
  config: ModelConfig,
  shape: CacheShape,
  placements: readonly Placement[],
  before?: KvCache,
): KvCache {
  const { slots, width, promptLength, ownLength } = shape;
  const { layers, keyValueHeads, headDim } = config;
  const rows = slots * width;
  const feeds: KvCache['feeds'] = {
    promptBias: { shape: [slots, promptLength], data: new Float32Array(slots * promptLength).fill(hidden) },
    ownBias: before?.feeds.ownBias ?? { shape: [ownLength], data: new Float32Array(ownLength).fill(hidden) },
  };
  const rowSize = keyValueHeads * ownLength * headDim;
  for (const kind of ['Key', 'Value']) {
    for (let layer = 0; layer < layers; layer++) {
      feeds[`prompt${kind}.${layer}`] = zeros([slots, keyValueHeads, promptLength, headDim]);
      feeds[`own${kind}.${layer}`] = zeros([rows, keyValueHeads, ownLength, headDim]);
    }
  }
  const filledSlots = new Set<number>();
  for (const { row, previousRow, prompt } of placements) {
    const slot = Math.floor(row / width);
    if (!filledSlots.has(slot)) fillSlot(slot, prompt);
    filledSlots.add(slot);
    if (previousRow === null || !before) continue;
    for (const name of ownNames(layers)) {
      feeds[name].data.set(
        before.feeds[name].data.subarray(previousRow * rowSize, (previousRow + 1) * rowSize),
        row * rowSize,
      );
    }
  }
  return { shape, feeds, append };

  function fillSlot(slot: number, { index, length, paddedLength, outputs }: PromptMemory): void {
    feeds.promptBias.data.fill(0, slot * promptLength, slot * promptLength + length);
    for (const kind of ['Key', 'Value']) {
      for (let layer = 0; layer < layers; layer++) {
        const source = outputs[`${kind.toLowerCase()}.${layer}`] as Float32Array;
        const target = feeds[`prompt${kind}.${layer}`].data;
        for (let head = 0; head < keyValueHeads; head++) {
          const from = (index * keyValueHeads + head) * paddedLength * headDim;
          target.set(
            source.subarray(from, from + length * headDim),
            (slot * keyValueHeads + head) * promptLength * headDim,
          );
        }
      }
    }
  }

  function append(outputs: Readonly<Record<string, TensorData>>, time: number): void {
    feeds.ownBias.data[time] = 0;
    for (const kind of ['Key', 'Value']) {
      for (let layer = 0; layer < layers; layer++) {
        const source = outputs[`${kind.toLowerCase()}.${layer}`] as Float32Array;
        const target = feeds[`own${kind}.${layer}`].data;
        for (let head = 0, from = 0; head < rows * keyValueHeads; head++) {
          const at = (head * ownLength + time) * headDim;
          for (let i = 0; i < headDim; i++) target[at + i] = source[from++];
        }
      }
    }
  }
}

/** Added to the scores of places that hold nothing. */
const hidden = -1e9;

function zeros(shape: number[]): Value & { data: Float32Array } {
  return { shape, data: new Float32Array(shape.reduce((size, n) => size * n, 1)) };
}

function ownNames(layers: number): string[] {
  return Array.from({ length: layers }, (_, layer) => [`ownKey.${layer}`, `ownValue.${layer}`]).flat();
}
