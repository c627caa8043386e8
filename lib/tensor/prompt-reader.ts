/** Reads prompts some at a time, ahead of the lists that need them. */
import type { Computation } from './computation.ts';
import type { PromptMemory } from './kv-cache.ts';
import type { Value } from './session.ts';

export interface ReadPrompt extends PromptMemory {
  /** Of the token behind it: [vocabulary]. */
  probabilities: Float32Array;
}

export interface PromptReader {
  /** Prompts are asked for in the reader's order, each as often as wanted until the next. */
  read(prompt: number): Promise<ReadPrompt>;
}

/** Prompts read together: enough rows for the matrix products, few enough to bound memory and padding. */
const PROMPTS_AT_ONCE = 8;
const PREFILL_STEP = 32;

/** `order` holds the indices of the prompts, shortest first. What was read of a prompt is kept until a later one is asked for. */
export function createPromptReader(
  prefill: Computation,
  prompts: readonly Int32Array[],
  order: readonly number[],
  inverseTemperature: Value,
): PromptReader {
  let next = 0;
  let known = new Map<number, ReadPrompt>();

  const readNext = async (): Promise<Map<number, ReadPrompt>> => {
    const some = order.slice(next, next + PROMPTS_AT_ONCE);
    next += some.length;
    // Few shapes are compiled; and no prompt of several is read alone, by kernels for one row that round otherwise.
    const count = order.length === 1 ? 1 : some.length <= 4 ? 4 : PROMPTS_AT_ONCE;
    const paddedLength = Math.ceil(prompts[some[some.length - 1]].length / PREFILL_STEP) * PREFILL_STEP;
    const ids = new Int32Array(count * paddedLength);
    const last = new Int32Array(count);
    some.forEach((prompt, index) => {
      ids.set(prompts[prompt], index * paddedLength);
      last[index] = index * paddedLength + prompts[prompt].length - 1;
    });
    const outputs = await prefill.run({
      ids: { shape: [count, paddedLength], data: ids },
      last: { shape: [count], data: last },
      inverseTemperature,
    });
    const all = outputs.probabilities as Float32Array;
    const width = all.length / count;
    return new Map(
      some.map((prompt, index) => {
        const probabilities = all.subarray(index * width, (index + 1) * width);
        return [prompt, { index, length: prompts[prompt].length, paddedLength, outputs, probabilities }];
      }),
    );
  };
  return {
    read: async (prompt) => {
      while (!known.has(prompt)) {
        if (next === order.length) throw new RangeError(`prompt ${prompt} was asked for out of order`);
        known = await readNext();
      }
      return known.get(prompt) as ReadPrompt;
    },
  };
}
