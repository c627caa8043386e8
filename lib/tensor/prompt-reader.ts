/** Reads prompts some at a time, ahead of the lists that need them. */
import type { Computation } from './computation.ts';
import type { PromptMemory } from './kv-cache.ts';
import type { Value } from './session.ts';

export interface ReadPrompt extends PromptMemory {
  /** Of the token behind it: [vocabulary], probabilities or their logs. */
  next: Float32Array;
}

export interface PromptReader {
  /** Prompts are asked for in the reader's order, each as often as wanted until the next. */
  read(prompt: number): Promise<ReadPrompt>;
}

/** Prompts read together: enough rows for the matrix products, few enough to bound memory and padding. */
const PROMPTS_AT_ONCE = 8;
const PREFILL_STEP = 32;

/** Bytes that reading prompts may hold: of long ones fewer are read together, two at least. */
const READING_BYTES = 2 ** 30;

/** `order` holds the indices of the prompts, shortest first. What was read of a prompt is kept until a later one is asked for. */
export function createPromptReader(
  prefill: Computation,
  prompts: readonly Int32Array[],
  order: readonly number[],
  { temperature, isAlone }: { temperature: Record<string, Value>; isAlone: boolean },
): PromptReader {
  let next = 0;
  let known = new Map<number, ReadPrompt>();

  const emptyFeeds = (count: number, length: number) => ({
    ids: { shape: [count, length], data: new Int32Array(count * length) },
    last: { shape: [count], data: new Int32Array(count) },
    ...temperature,
  });

  /** Few sizes, so that few shapes are compiled; and no prompt is read alone, by kernels for one row that round otherwise, unless the list is. */
  const nextBatch = (): { some: readonly number[]; count: number; paddedLength: number } => {
    const of = (count: number): { some: readonly number[]; count: number; paddedLength: number } => {
      const some = order.slice(next, next + count);
      const longest = prompts[some[some.length - 1]].length;
      return { some, count, paddedLength: Math.ceil(longest / PREFILL_STEP) * PREFILL_STEP };
    };
    if (isAlone) return of(1);
    let batch = of(order.length - next <= PROMPTS_AT_ONCE / 2 ? PROMPTS_AT_ONCE / 2 : PROMPTS_AT_ONCE);
    while (batch.count > 2 && prefill.peakBytes(emptyFeeds(batch.count, batch.paddedLength)) > READING_BYTES)
      batch = of(batch.count / 2);
    return batch;
  };

  const readNext = async (): Promise<Map<number, ReadPrompt>> => {
    const { some, count, paddedLength } = nextBatch();
    next += some.length;
    const feeds = emptyFeeds(count, paddedLength);
    some.forEach((prompt, index) => {
      feeds.ids.data.set(prompts[prompt], index * paddedLength);
      feeds.last.data[index] = index * paddedLength + prompts[prompt].length - 1;
    });
    const outputs = await prefill.run(feeds);
    const all = outputs.next as Float32Array;
    const width = all.length / count;
    return new Map(
      some.map((prompt, index) => {
        const following = all.subarray(index * width, (index + 1) * width);
        return [prompt, { index, length: prompts[prompt].length, paddedLength, outputs, next: following }];
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
