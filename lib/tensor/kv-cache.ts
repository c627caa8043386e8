/**
 * What attention remembers of the lists in hand. Rows are grouped in slots of equal width; the rows of a slot share one prompt, whose
 * keys and values are held once a slot. A row holds a list, each at its own length; what nobody stands on is padding. Keys lie by dimension,
 * [headDim, length], and values by position, [length, headDim]: no product of a step has to turn them first.
 */
import type { TensorData } from './graph.ts';
import type { ModelConfig } from './language-model-config.ts';
import type { Value } from './session.ts';

/** Keys and values of one prompt in the outputs of a prefill: entry `index` of key.L [prompts, keyValueHeads, headDim, paddedLength] and value.L [prompts, keyValueHeads, paddedLength, headDim]. */
export interface PromptMemory {
  index: number;
  length: number;
  paddedLength: number;
  outputs: Readonly<Record<string, TensorData>>;
}

/** slots · width rows; room for so many tokens of each slot's prompt and of each row's list. */
export interface CacheShape {
  slots: number;
  width: number;
  promptLength: number;
  ownLength: number;
}

export interface KvCache {
  readonly shape: CacheShape;
  /** Where the list of a row begins in ownKey.L and ownValue.L, counted in lists of one head. */
  placeOf(row: number, head: number): number;
  /** What stepGraph is fed of the cache. */
  readonly feeds: Record<string, Value & { data: Float32Array }>;
  /** What a step of stepGraph is to write into: the same arrays each time. */
  readonly results: Readonly<Record<string, Float32Array>>;
  /** Puts a prompt into a slot, whose rows then hold no tokens. */
  enter(slot: number, prompt: PromptMemory): void;
  /** Takes in the new key and value slices in `results`: own position `times[row]` of each row, none where it is negative. */
  append(times: Int32Array): void;
  /** Puts the list of another cache's row (of this one too) onto a row whose slot holds, or by this comes to hold, the same prompt. */
  take(row: number, from: KvCache, fromRow: number): void;
}

/** Bytes that a cache of this shape holds. */
export function cacheBytes(
  { layers, keyValueHeads, headDim }: ModelConfig,
  { slots, width, promptLength, ownLength }: CacheShape,
): number {
  return 4 * 2 * layers * keyValueHeads * headDim * slots * (promptLength + width * ownLength);
}

/** An empty cache. Caches that take from each other have equal widths and lengths. */
export function createKvCache(config: ModelConfig, shape: CacheShape): KvCache {
  const { layers, keyValueHeads, headDim, vocabularySize } = config;
  const { slots, width, promptLength, ownLength } = shape;
  const rows = slots * width;
  const promptSize = keyValueHeads * promptLength * headDim;
  const ownSize = ownLength * headDim;
  const feeds: KvCache['feeds'] = {
    promptBias: filled([slots, promptLength], hidden),
    ownBias: filled([rows, ownLength], hidden),
  };
  const kinds = Array.from({ length: layers }, (_, layer) => [`Key.${layer}`, `Value.${layer}`]).flat();
  const slices = Object.fromEntries(
    kinds.map((kind) => [kind.toLowerCase(), new Float32Array(rows * keyValueHeads * headDim)]),
  );
  for (const kind of kinds) {
    const [ofPrompt, ofOwn] = [promptLength, ownLength].map((n) => (isKey(kind) ? [headDim, n] : [n, headDim]));
    feeds[`prompt${kind}`] = filled([slots, keyValueHeads, ...ofPrompt], 0);
    feeds[`own${kind}`] = filled([slots, keyValueHeads, width, ...ofOwn], 0);
  }
  const results = { next: new Float32Array(rows * vocabularySize), ...slices };
  const slotOf = (row: number): number => Math.floor(row / width);
  const placeOf = (row: number, head: number): number => (slotOf(row) * keyValueHeads + head) * width + (row % width);

  return {
    shape,
    placeOf,
    feeds,
    results,
    enter: (slot, { index, length, paddedLength, outputs }) => {
      feeds.promptBias.data
        .fill(hidden, slot * promptLength, (slot + 1) * promptLength)
        .fill(0, slot * promptLength, slot * promptLength + length);
      feeds.ownBias.data.fill(hidden, slot * width * ownLength, (slot + 1) * width * ownLength);
      for (const kind of kinds) {
        const source = outputs[kind.toLowerCase()] as Float32Array;
        const target = feeds[`prompt${kind}`].data;
        for (let head = 0; head < keyValueHeads; head++) {
          const from = (index * keyValueHeads + head) * paddedLength * headDim;
          const at = (slot * keyValueHeads + head) * promptLength * headDim;
          if (!isKey(kind)) target.set(source.subarray(from, from + length * headDim), at);
          else
            for (let d = 0; d < headDim; d++)
              target.set(
                source.subarray(from + d * paddedLength, from + d * paddedLength + length),
                at + d * promptLength,
              );
        }
      }
    },
    append: (times) => {
      times.forEach((time, row) => {
        if (time >= 0) feeds.ownBias.data[row * ownLength + time] = 0;
      });
      for (const kind of kinds) {
        const source = slices[kind.toLowerCase()];
        const target = feeds[`own${kind}`].data;
        for (let row = 0; row < rows; row++) {
          if (times[row] < 0) continue;
          for (let head = 0; head < keyValueHeads; head++) {
            const [at, step] = isKey(kind) ? [times[row], ownLength] : [times[row] * headDim, 1];
            const list = placeOf(row, head) * ownSize;
            for (let i = 0, from = (row * keyValueHeads + head) * headDim; i < headDim; i++)
              target[list + at + i * step] = source[from++];
          }
        }
      }
    },
    take: (row, from, fromRow) => {
      const copy = (name: string, size: number, at: number, fromAt: number): void =>
        feeds[name].data.set(from.feeds[name].data.subarray(fromAt * size, (fromAt + 1) * size), at * size);
      copy('ownBias', ownLength, row, fromRow);
      for (const kind of kinds) {
        for (let head = 0; head < keyValueHeads; head++)
          copy(`own${kind}`, ownSize, placeOf(row, head), from.placeOf(fromRow, head));
      }
      const fromSlot = Math.floor(fromRow / from.shape.width);
      if (feeds.promptBias.data[slotOf(row) * promptLength] === 0) return;
      copy('promptBias', promptLength, slotOf(row), fromSlot);
      for (const kind of kinds) copy(`prompt${kind}`, promptSize, slotOf(row), fromSlot);
    },
  };
}

function isKey(kind: string): boolean {
  return kind.startsWith('Key');
}

/** Added to the scores of places that hold nothing. */
const hidden = -1e9;

function filled(shape: number[], value: number): Value & { data: Float32Array } {
  const data = new Float32Array(shape.reduce((size, n) => size * n, 1));
  return { shape, data: value === 0 ? data : data.fill(value) };
}
