/**
 * Samples lists of tokens from a language model, many at a time. A prompt is read once for all its samples. What a list becomes depends on the
 * weights, its key and the request, on nothing before or beside: the same request gives the same lists to the bit (same CPU type and thread count).
 */
import { keyOf, type Label, uniformAt } from '../random.ts';
import { type Computation, createComputation } from './computation.ts';
import { prefillGraph, stepGraph } from './decode-graphs.ts';
import { type CacheShape, createKvCache, type KvCache, type Placement, type PromptMemory } from './kv-cache.ts';
import type { LanguageModel } from './language-model.ts';
import { drawToken, type Filters, greedyToken } from './sampling.ts';
import { checkPrompts } from './token-checks.ts';

export interface GenerateRequest extends Filters {
  /** Token ids, at least one each. */
  prompts: readonly Int32Array[];
  /** Lists a prompt. */
  samples: number;
  /** 0: greedy. */
  temperature: number;
  maxTokens: number;
  /** Any of them ends a list. */
  stopIds: readonly number[];
  /** The random stream of a list: position = token index. */
  key: (prompt: number, sample: number) => readonly Label[];
}

export interface Completion {
  /** With the stop token, where it has one. */
  tokens: Int32Array;
  /** Natural logs under the sampling distribution (temperature and filters applied), one a token. */
  logprobs: Float32Array;
  /** Ended by a stop token, not cut at maxTokens. */
  finished: boolean;
}

export interface Decoder {
  /**
   * Lists of each prompt: [prompt][sample]. Throws NumericsError when the model yields no finite probability, DataError for a prompt that
   * the model cannot read, RangeError for a request without lists or tokens.
   */
  generate(request: GenerateRequest): Promise<Completion[][]>;
  release(): Promise<void>;
}

/**
 * Decodes with the weights as they are now: after they change, release and create again (nothing is compiled before the first `generate`).
 * `rows`: lists decoded together at most.
 */
export function createDecoder(
  model: Pick<LanguageModel, 'config' | 'parameters'>,
  { threads, rows = 128 }: { threads: number; rows?: number },
): Decoder {
  const { config, parameters } = model;
  const prefill = createComputation({
    parameters,
    trace: (p, fed) => prefillGraph(config, p, fed),
    threads,
  });
  const step = createComputation({
    parameters,
    trace: (p, fed) => stepGraph(config, p, fed),
    threads,
    frozen: true,
  });
  return {
    generate: async (request) => {
      const { prompts, samples } = request;
      checkRequest(request);
      checkPrompts(prompts, request.maxTokens, config);
      const atOnce = Math.max(1, Math.floor(rows / samples));
      const lists = prompts.map((_, prompt) =>
        Array.from({ length: samples }, (__, sample) => newList(prompt, sample, request)),
      );
      for (let start = 0; start < prompts.length; start += atOnce) {
        const memories = await readPrompts(prefill, request, start, Math.min(prompts.length, start + atOnce));
        await writeLists(model.config, step, request, lists.slice(start, start + atOnce).flat(), memories);
      }
      return lists.map((group) => group.map(completionOf));
    },
    release: async () => {
      await prefill.release();
      await step.release();
    },
  };
}

function checkRequest({ samples, maxTokens, temperature }: GenerateRequest): void {
  if (samples < 1 || maxTokens < 1)
    throw new RangeError(`${samples} lists of ${maxTokens} tokens: both must be at least 1`);
  if (!(temperature >= 0)) throw new RangeError(`a temperature must be 0 or more, it is ${temperature}`);
}

interface List {
  prompt: number;
  key: readonly [number, number];
  tokens: number[];
  logprobs: number[];
  finished: boolean;
  /** Where it stands in the cache; null before it stands anywhere. */
  row: number | null;
}

function newList(prompt: number, sample: number, { key }: GenerateRequest): List {
  return { prompt, key: keyOf(...key(prompt, sample)), tokens: [], logprobs: [], finished: false, row: null };
}

function completionOf({ tokens, logprobs, finished }: List): Completion {
  return { tokens: Int32Array.from(tokens), logprobs: Float32Array.from(logprobs), finished };
}

/** Prompts read together: enough rows for the matrix products, few enough to bound memory and padding. */
const PROMPTS_AT_ONCE = 8;
const PREFILL_STEP = 32;
const PROMPT_STEP = 64;
const OWN_STEP = 16;
/** Rows of a slot at most: wide slots read a prompt's keys less often, narrow ones fill better as lists end. */
const SLOT_WIDTH = 4;

interface PromptResult extends PromptMemory {
  probabilities: Float32Array;
}

/** Reads prompts [start, end), the shortest first so that they are padded little. */
async function readPrompts(
  prefill: Computation,
  request: GenerateRequest,
  start: number,
  end: number,
): Promise<Map<number, PromptResult>> {
  const { prompts } = request;
  const order = Array.from({ length: end - start }, (_, i) => start + i);
  order.sort((a, b) => prompts[a].length - prompts[b].length || a - b);
  const results = new Map<number, PromptResult>();
  for (let first = 0; first < order.length; first += PROMPTS_AT_ONCE) {
    const some = order.slice(first, first + PROMPTS_AT_ONCE);
    const count = Math.min(PROMPTS_AT_ONCE, bucket(some.length));
    const paddedLength = roundUp(prompts[some[some.length - 1]].length, PREFILL_STEP);
    const ids = new Int32Array(count * paddedLength);
    const last = new Int32Array(count);
    some.forEach((prompt, index) => {
      const { length } = prompts[prompt];
      ids.set(prompts[prompt], index * paddedLength);
      last[index] = index * paddedLength + length - 1;
    });
    const outputs = await prefill.run({
      ids: { shape: [count, paddedLength], data: ids },
      last: { shape: [count], data: last },
      inverseTemperature: inverseTemperature(request),
    });
    const all = outputs.probabilities as Float32Array;
    const width = all.length / count;
    some.forEach((prompt, index) => {
      const probabilities = all.subarray(index * width, (index + 1) * width);
      results.set(prompt, { index, length: prompts[prompt].length, paddedLength, outputs, probabilities });
    });
  }
  return results;
}

/** Writes lists token by token until all have ended. */
async function writeLists(
  config: LanguageModel['config'],
  step: Computation,
  request: GenerateRequest,
  lists: readonly List[],
  memories: ReadonlyMap<number, PromptResult>,
): Promise<void> {
  for (const list of lists) extend(list, (memories.get(list.prompt) as PromptResult).probabilities, request);
  const promptLength = roundUp(Math.max(...Array.from(memories.values(), ({ length }) => length)), PROMPT_STEP);
  const ownLength = roundUp(request.maxTokens, OWN_STEP);
  let cache: KvCache | undefined;
  for (let time = 0; ; time++) {
    const live = lists.filter(({ finished, tokens }) => !finished && tokens.length < request.maxTokens);
    if (live.length === 0) return;
    cache = fitCache(live, cache);
    const rows = cache.shape.slots * cache.shape.width;
    const ids = new Int32Array(rows);
    const positions = new Int32Array(rows);
    for (const { row, prompt, tokens } of live) {
      ids[row as number] = tokens[time];
      positions[row as number] = request.prompts[prompt].length + time;
    }
    const outputs = await step.run({
      ...cache.feeds,
      ids: { shape: [rows, 1], data: ids },
      positions: { shape: [rows, 1], data: positions },
      inverseTemperature: inverseTemperature(request),
    });
    cache.append(outputs, time);
    const all = outputs.probabilities as Float32Array;
    const width = all.length / rows;
    for (const list of live) {
      const row = list.row as number;
      extend(list, all.subarray(row * width, (row + 1) * width), request);
    }
  }

  /** The cache that goes on: the one at hand, or one of at most half its size once the lists that live fit there. */
  function fitCache(live: readonly List[], current: KvCache | undefined): KvCache {
    const width = Math.ceil(request.samples / Math.ceil(request.samples / SLOT_WIDTH));
    const { rows, slots } = placeInSlots(live, width);
    const shape: CacheShape = { slots: bucket(slots), width, promptLength, ownLength };
    if (current && shape.slots * 2 > current.shape.slots) return current;
    const placements = live.map((list, i): Placement => {
      return { row: rows[i], previousRow: list.row, prompt: memories.get(list.prompt) as PromptResult };
    });
    live.forEach((list, i) => {
      list.row = rows[i];
    });
    return createKvCache(config, shape, placements, current);
  }
}

/** A row for each list (lists of a prompt are neighbours): prompts do not share a slot. */
function placeInSlots(lists: readonly List[], width: number): { rows: number[]; slots: number } {
  let next = 0;
  const rows = lists.map(({ prompt }, i) => {
    if (i > 0 && lists[i - 1].prompt !== prompt) next = roundUp(next, width);
    return next++;
  });
  return { rows, slots: Math.ceil(next / width) };
}

function extend(list: List, probabilities: Float32Array, request: GenerateRequest): void {
  const position = list.tokens.length;
  const { token, logprob } =
    request.temperature === 0
      ? greedyToken(probabilities)
      : drawToken(probabilities, request, uniformAt(list.key, position));
  list.tokens.push(token);
  list.logprobs.push(logprob);
  list.finished = request.stopIds.includes(token);
}

function inverseTemperature({ temperature }: GenerateRequest): { shape: number[]; data: Float32Array } {
  return { shape: [1], data: Float32Array.of(temperature === 0 ? 1 : 1 / temperature) };
}

/** Sizes that are compiled: up to four an octave, so that few are and little is padding. */
function bucket(n: number): number {
  return roundUp(n, 2 ** Math.max(0, Math.floor(Math.log2(n)) - 2));
}

function roundUp(n: number, step: number): number {
  return Math.ceil(n / step) * step;
}
