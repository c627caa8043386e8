/** Many lists, written token by token in one batch: rows that come free are taken by lists that wait; when none waits, the batch shrinks. */
import type { Computation } from './computation.ts';
import type { GenerateRequest } from './decoder.ts';
import { cacheBytes, type CacheShape, createKvCache } from './kv-cache.ts';
import type { ModelConfig } from './language-model-config.ts';
import { extend, isGoing, type OpenList } from './open-list.ts';
import { createPromptReader } from './prompt-reader.ts';
import type { Value } from './session.ts';

const PROMPT_STEP = 64;
const OWN_STEP = 16;
/** Rows of a slot at most: wide slots read a prompt's keys less often, narrow ones fill better as lists end. */
const SLOT_WIDTH = 4;

/** What reads prompts and writes tokens, and how many lists at once. */
export interface Engine {
  config: ModelConfig;
  prefill: Computation;
  step: Computation;
  rows: number;
  cacheBytes: number;
}

/** Writes all lists, [prompt][sample], to their ends. */
export async function writeLists(
  engine: Engine,
  request: GenerateRequest,
  lists: readonly OpenList[][],
): Promise<void> {
  const { config } = engine;
  const { prompts, maxTokens, samples } = request;
  const order = Array.from(prompts.keys()).sort((a, b) => prompts[a].length - prompts[b].length || a - b);
  const width = Math.ceil(samples / Math.ceil(samples / SLOT_WIDTH));
  /** What enters a slot together: lists of one prompt. Shortest prompts first, so that they are padded little when read. */
  const waiting = order.flatMap((prompt) => inParts(lists[prompt], width));
  if (waiting.length === 0) return;
  const reader = createPromptReader(engine.prefill, prompts, order, {
    temperature: temperatureFeed(request),
    isAlone: prompts.length === 1 && samples === 1,
  });
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
      for (const list of load) write(list, prompt.next);
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
    const feeds = {
      ...cache.feeds,
      ids: { shape: [rows, 1], data: ids },
      positions: { shape: [rows, 1], data: positions },
      ...temperatureFeed(request),
    };
    await engine.step.run(feeds, cache.results);
    cache.append(times);
    const { next: following } = cache.results;
    const size = following.length / rows;
    for (const [row, list] of standing.entries()) {
      if (list === null) continue;
      write(list, following.subarray(row * size, (row + 1) * size));
      if (!isGoing(list, maxTokens)) standing[row] = null;
    }
  }

  function write(list: OpenList, following: Float32Array): void {
    extend(list, following, request);
    if (!isGoing(list, maxTokens)) request.onEnd?.(list.prompt, list.sample);
  }
}

function emptyRows(rows: number): (OpenList | null)[] {
  return Array.from({ length: rows }, () => null);
}

/** A row for each list (lists of a prompt are neighbours): prompts do not share a slot. */
function placeInSlots(lists: readonly OpenList[], width: number): { rows: number[]; slots: number } {
  let next = 0;
  const rows = lists.map(({ prompt }, i) => {
    if (i > 0 && lists[i - 1].prompt !== prompt) next = roundUp(next, width);
    return next++;
  });
  return { rows, slots: Math.ceil(next / width) };
}

/** By its name in decode-graphs.ts: under a constraint logs are wanted, for all that it allows may be beyond what a float32 probability can hold. */
function temperatureFeed({ temperature, constraint }: GenerateRequest): Record<string, Value> {
  const inverse = { shape: [1], data: Float32Array.of(temperature === 0 ? 1 : 1 / temperature) };
  return constraint === undefined ? { inverseTemperature: inverse } : { inverseTemperatureOfLogs: inverse };
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
