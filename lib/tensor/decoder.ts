/**
 * Samples lists of tokens from a language model, many at a time. A prompt is read once for all its samples; a list that ends frees its
 * place for the next prompt's. What a list becomes depends on the weights, its key and the request's settings alone: the random number
 * of a position is a function of the list's key, and rows of a matrix product do not see each other. A request of a single list takes
 * other kernels (one row) than it would take in company: its log-probabilities differ by rounding (some 1e-6).
 */
import { keyOf, type Label, uniformAt } from '../random.ts';
import { type Computation, createComputation } from './computation.ts';
import { prefillGraph, stepGraph } from './decode-graphs.ts';
import { cacheBytes, type CacheShape, createKvCache } from './kv-cache.ts';
import type { LanguageModel } from './language-model.ts';
import type { ModelConfig } from './language-model-config.ts';
import { createPromptReader } from './prompt-reader.ts';
import { drawToken, type Filters, greedyToken, isNarrow, logOf, restricted } from './sampling.ts';

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
  /** Where every list begins, if not all tokens may be written everywhere. Applied before the filters. */
  constraint?: Place;
  /** Called for each list when it ends. */
  onEnd?: (prompt: number, sample: number) => void;
}

/** A place in a constrained list. Immutable: lists share places. */
export interface Place {
  /**
   * 1 for each token that may come next, where `left` tokens may still be written, this one included. At least one is 1; tokens
   * beyond the array may not come.
   */
  allowed(left: number): Uint8Array;
  /** The place behind one of the allowed tokens that ends no list. */
  after(token: number): Place;
}

export interface Completion {
  /** With the stop token, where it has one. */
  tokens: Int32Array;
  /** Natural logs under the sampling distribution (temperature, constraint and filters applied), one a token. */
  logprobs: Float32Array;
  /** Under the model at the temperature, over all tokens: equal to `logprobs` where nothing narrows the distribution. */
  policyLogprobs: Float32Array;
  /** Ended by a stop token, not cut at maxTokens. */
  finished: boolean;
}

export interface Decoder {
  /**
   * Lists of each prompt: [prompt][sample]. Throws RangeError on an empty prompt and on a token outside the vocabulary, NumericsError
   * when the model yields no finite probability.
   */
  generate(request: GenerateRequest): Promise<Completion[][]>;
  release(): Promise<void>;
}

export interface DecoderSettings {
  threads: number;
  /** Lists decoded together at most. */
  rows?: number;
  /** Bytes of the KV cache at most: fewer lists are decoded together where it would be larger. */
  cacheBytes?: number;
}

/** Decodes with the weights as they are now: after they change, release and create again (nothing is compiled before the first `generate`). */
export function createDecoder(
  model: Pick<LanguageModel, 'config' | 'parameters'>,
  { threads, rows = 128, cacheBytes = 2 ** 30 }: DecoderSettings,
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
      checkPrompts(request.prompts, config);
      const lists = request.prompts.map((_, prompt) =>
        Array.from({ length: request.samples }, (__, sample) => newList(prompt, sample, request)),
      );
      await writeLists({ config, prefill, step, rows, cacheBytes }, request, lists);
      return lists.map((group) => group.map(completionOf));
    },
    release: async () => {
      await prefill.release();
      await step.release();
    },
  };
}

interface List {
  prompt: number;
  sample: number;
  key: readonly [number, number];
  tokens: number[];
  logprobs: number[];
  policyLogprobs: number[];
  place: Place | undefined;
  finished: boolean;
}

function newList(prompt: number, sample: number, { key, constraint }: GenerateRequest): List {
  const empty = { tokens: [], logprobs: [], policyLogprobs: [], finished: false };
  return { prompt, sample, key: keyOf(...key(prompt, sample)), place: constraint, ...empty };
}

function completionOf({ tokens, logprobs, policyLogprobs, finished }: List): Completion {
  return {
    tokens: Int32Array.from(tokens),
    logprobs: Float32Array.from(logprobs),
    policyLogprobs: Float32Array.from(policyLogprobs),
    finished,
  };
}

function checkPrompts(prompts: readonly Int32Array[], { vocabularySize }: ModelConfig): void {
  for (const [i, prompt] of prompts.entries()) {
    if (prompt.length === 0) throw new RangeError(`prompt ${i} is empty`);
    const outside = prompt.find((id) => id < 0 || id >= vocabularySize);
    if (outside !== undefined)
      throw new RangeError(`prompt ${i} holds token ${outside}, the model knows 0 to ${vocabularySize - 1}`);
  }
}

const PROMPT_STEP = 64;
const OWN_STEP = 16;
/** Rows of a slot at most: wide slots read a prompt's keys less often, narrow ones fill better as lists end. */
const SLOT_WIDTH = 4;

interface Engine {
  config: ModelConfig;
  prefill: Computation;
  step: Computation;
  rows: number;
  cacheBytes: number;
}

/** Writes all lists token by token. Rows that come free are taken by lists that wait; when none waits, the batch shrinks. */
async function writeLists(engine: Engine, request: GenerateRequest, lists: readonly List[][]): Promise<void> {
  const { config } = engine;
  const { prompts, maxTokens, samples } = request;
  const order = Array.from(prompts.keys()).sort((a, b) => prompts[a].length - prompts[b].length || a - b);
  const width = Math.ceil(samples / Math.ceil(samples / SLOT_WIDTH));
  /** What enters a slot together: lists of one prompt. Shortest prompts first, so that they are padded little when read. */
  const waiting = order.flatMap((prompt) => inParts(lists[prompt], width));
  if (waiting.length === 0) return;
  const reader = createPromptReader(engine.prefill, prompts, order, inverseTemperature(request));
  let next = 0;

  const lengths = {
    promptLength: roundUp(prompts[order[order.length - 1]].length, PROMPT_STEP),
    ownLength: roundUp(maxTokens, OWN_STEP),
  };
  const slotBytes = cacheBytes(config, { slots: 1, width, ...lengths });
  const most = Math.max(1, Math.floor(Math.min(engine.rows / width, engine.cacheBytes / slotBytes)));
  // A single row takes other kernels: in company a list never stands alone, so that it does not depend on who lives longest.
  const least = Math.min(waiting.length, most, Math.ceil(2 / width));
  let cache = createKvCache(config, { slots: Math.min(most, bucket(waiting.length)), width, ...lengths });
  let standing = emptyRows(cache.shape.slots * width);

  for (;;) {
    await admit();
    if (standing.every((list) => list === null)) return;
    if (next === waiting.length) shrink();
    await writeTokens();
  }

  /** Lists that wait enter the slots that are free. Their first token comes with their prompt. */
  async function admit(): Promise<void> {
    for (let slot: number | null; next < waiting.length && (slot = freeSlot()) !== null; next++) {
      const load = waiting[next];
      const prompt = await reader.read(load[0].prompt);
      for (const list of load) write(list, prompt.probabilities);
      const going = load.filter((list) => isGoing(list, maxTokens));
      if (going.length > 0) cache.enter(slot, prompt);
      for (const [i, list] of going.entries()) standing[slot * width + i] = list;
    }
  }

  function freeSlot(): number | null {
    const slots = inParts(standing, width).map((rows) => rows.filter((list) => list !== null));
    const empty = slots.findIndex((rows) => rows.length === 0);
    if (empty >= 0) return empty;
    // Two slots of one prompt whose lists fit into one: the fuller takes in the other.
    for (const [slot, rows] of slots.entries()) {
      const other = slots.findIndex(
        (more, at) => at !== slot && more[0].prompt === rows[0].prompt && more.length + rows.length <= width,
      );
      if (other < 0 || slots[other].length < rows.length) continue;
      for (let from = slot * width; from < (slot + 1) * width; from++) {
        if (standing[from] === null) continue;
        const row = standing.indexOf(null, other * width);
        cache.take(row, cache, from);
        [standing[row], standing[from]] = [standing[from], null];
      }
      return slot;
    }
    return null;
  }

  /** Goes on with a cache of at most half the size, once the lists fit there. */
  function shrink(): void {
    const rowOf = new Map(standing.flatMap((list, row) => (list === null ? [] : [[list, row] as const])));
    const going = [...rowOf.keys()].sort((a, b) => a.prompt - b.prompt);
    const { rows, slots } = placeInSlots(going, width);
    const shape: CacheShape = { ...cache.shape, slots: Math.max(least, bucket(slots)) };
    if (shape.slots * 2 > cache.shape.slots) return;
    const smaller = createKvCache(config, shape);
    standing = emptyRows(shape.slots * width);
    for (const [i, list] of going.entries()) {
      smaller.take(rows[i], cache, rowOf.get(list) as number);
      standing[rows[i]] = list;
    }
    cache = smaller;
  }

  /** One more token of each list. */
  async function writeTokens(): Promise<void> {
    const rows = standing.length;
    const ids = new Int32Array(rows);
    const positions = new Int32Array(rows);
    const times = new Int32Array(rows).fill(-1);
    for (const [row, list] of standing.entries()) {
      if (list === null) continue;
      times[row] = list.tokens.length - 1;
      ids[row] = list.tokens[times[row]];
      positions[row] = prompts[list.prompt].length + times[row];
    }
    const outputs = await engine.step.run({
      ...cache.feeds,
      ids: { shape: [rows, 1], data: ids },
      positions: { shape: [rows, 1], data: positions },
      inverseTemperature: inverseTemperature(request),
    });
    cache.append(outputs, times);
    const probabilities = outputs.probabilities as Float32Array;
    const size = probabilities.length / rows;
    for (const [row, list] of standing.entries()) {
      if (list === null) continue;
      write(list, probabilities.subarray(row * size, (row + 1) * size));
      if (!isGoing(list, maxTokens)) standing[row] = null;
    }
  }

  function write(list: List, probabilities: Float32Array): void {
    extend(list, probabilities, request);
    if (!isGoing(list, maxTokens)) request.onEnd?.(list.prompt, list.sample);
  }
}

function emptyRows(rows: number): (List | null)[] {
  return Array.from({ length: rows }, () => null);
}

function isGoing({ finished, tokens }: List, maxTokens: number): boolean {
  return !finished && tokens.length < maxTokens;
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
  const offered = list.place
    ? restricted(probabilities, list.place.allowed(request.maxTokens - position))
    : probabilities;
  const { token, logprob } =
    request.temperature === 0 ? greedyToken(offered) : drawToken(offered, request, uniformAt(list.key, position));
  list.tokens.push(token);
  list.logprobs.push(logprob);
  const isWhole = offered === probabilities && (request.temperature === 0 || !isNarrow(request));
  list.policyLogprobs.push(isWhole ? logprob : logOf(probabilities[token]));
  list.finished = request.stopIds.includes(token);
  if (list.place && !list.finished) list.place = list.place.after(token);
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

function inParts<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
