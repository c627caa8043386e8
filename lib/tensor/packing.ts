/**
 * Groups of token lists, one after another without gaps: a prompt once, then the completions that share it. A group of G lists costs
 * Lp + G·Ls tokens instead of G·(Lp + Ls). Attention alone sees padded blocks (packed-attention.ts). Shapes come from a coarse grid, a
 * function of the batch alone, so that few are compiled and a replayed batch takes the same path.
 */
export interface TokenGroup {
  prompt: Int32Array;
  completions: readonly Int32Array[];
}

/** Where one completion's tokens are among the targets of its batch. */
export interface Piece {
  group: number;
  completion: number;
  /** First of its targets. */
  start: number;
  length: number;
}

/** One micro-batch, ready to be fed. */
export interface PackedBatch {
  /** Room for tokens, and how many there are; the rest is padding: id 0, position 0, in no block. */
  tokens: number;
  used: number;
  /** [tokens]. */
  ids: Int32Array;
  positions: Int32Array;
  /**
   * Sizes of the blocks: prompts [groups, promptLength], lists [groups, lists, listLength]. Where no group has two lists there is no
   * block of lists (`lists` is 0): the only one stands behind its prompt.
   */
  groups: number;
  promptLength: number;
  lists: number;
  listLength: number;
  /** [groups]: tokens of each prompt; 0 where there is no group. */
  promptLengths: Int32Array;
  /** The token that stands at each place of a block, -1 where none does. */
  promptAt: Int32Array;
  listAt: Int32Array;
  /** [tokens]: the place of each token in the block of prompts or of lists, -1 where it is in the other. */
  inPrompts: Int32Array;
  inLists: Int32Array;
  /** Room for targets: completion tokens to be predicted. The rest is padding: source 0, target 0, in no piece. */
  targets: number;
  /** [targets]: the token whose hidden state predicts the target, and the target. */
  source: Int32Array;
  target: Int32Array;
  pieces: Piece[];
}

/** Packs groups into micro-batches of at most `tokens` tokens (one group at least), all of the same shape. Throws RangeError on an empty prompt. */
export function packGroups(groups: readonly TokenGroup[], tokens: number): PackedBatch[] {
  const lengths = groups.map(({ prompt, completions }, i) => {
    if (prompt.length === 0)
      throw new RangeError(`the prompt of group ${i} is empty: nothing predicts its completions`);
    return prompt.length + completions.reduce((sum, { length }) => sum + length, 0);
  });
  if (groups.length === 0) return [];
  const parts = distribute(lengths, belowOnGrid(tokens, TOKEN_STEP));
  const isShared = groups.some(({ completions }) => completions.length > 1);
  const largest = (of: (part: readonly number[]) => number): number => Math.max(1, ...parts.map(of));
  const longest = (of: (group: TokenGroup) => number): number => Math.max(1, ...groups.map(of));
  const shape: Shape = {
    tokens: onGrid(
      largest((part) => total(part, (group) => lengths[group])),
      TOKEN_STEP,
    ),
    targets: onGrid(
      largest((part) => total(part, (group) => lengths[group] - groups[group].prompt.length)),
      TOKEN_STEP,
    ),
    groups: onGrid(
      largest(({ length }) => length),
      1,
    ),
    promptLength: onGrid(
      longest(({ prompt, completions: [only] }) => prompt.length + (isShared ? 0 : (only?.length ?? 0))),
      PROMPT_STEP,
    ),
    lists: isShared ? longest(({ completions }) => completions.length) : 0,
    listLength: isShared
      ? onGrid(
          longest(({ completions }) => Math.max(1, ...completions.map(({ length }) => length))),
          LIST_STEP,
        )
      : 0,
  };
  return parts.map((part) => fill(groups, part, shape));
}

const TOKEN_STEP = 64;
/** Of prompts, coarse: padding costs attention alone, and every other length is another graph to compile. */
const PROMPT_STEP = 64;
const LIST_STEP = 16;

/** The next of 1, 2, 3 … 16, 18, 20 … 32, 36 … units: never more than an eighth too large. */
export function onGrid(value: number, unit: number): number {
  const units = Math.max(1, Math.ceil(value / unit));
  const step = gridStep(units);
  return Math.ceil(units / step) * step * unit;
}

/** The largest of these that is not above the value; one unit at least. */
function belowOnGrid(value: number, unit: number): number {
  const units = Math.max(1, Math.floor(value / unit));
  const step = gridStep(units);
  return Math.floor(units / step) * step * unit;
}

function gridStep(units: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(units)) - 3);
}

/** As few parts as hold at most `room` each (a group longer than that alone), filled evenly: longest first, each into the emptiest. */
function distribute(lengths: readonly number[], room: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b] - lengths[a] || a - b);
  for (let count = Math.ceil(total(order, (group) => lengths[group]) / room); ; count++) {
    const parts = Array.from({ length: Math.min(count, order.length) }, () => ({ groups: [] as number[], used: 0 }));
    for (const group of order) {
      const part = parts.reduce((emptiest, other) => (other.used < emptiest.used ? other : emptiest));
      part.groups.push(group);
      part.used += lengths[group];
    }
    if (count >= order.length || parts.every(({ used }) => used <= room)) {
      return parts.map((part) => part.groups.sort((a, b) => a - b));
    }
  }
}

type Shape = Pick<PackedBatch, 'tokens' | 'targets' | 'groups' | 'promptLength' | 'lists' | 'listLength'>;

function fill(groups: readonly TokenGroup[], members: readonly number[], shape: Shape): PackedBatch {
  const { tokens, targets, promptLength, lists, listLength } = shape;
  const nowhere = (length: number): Int32Array => new Int32Array(length).fill(-1);
  const batch: PackedBatch = {
    ...shape,
    used: 0,
    ids: new Int32Array(tokens),
    positions: new Int32Array(tokens),
    promptLengths: new Int32Array(shape.groups),
    promptAt: nowhere(shape.groups * promptLength),
    listAt: nowhere(shape.groups * lists * listLength),
    inPrompts: nowhere(tokens),
    inLists: nowhere(tokens),
    source: new Int32Array(targets),
    target: new Int32Array(targets),
    pieces: [],
  };
  const write = (ids: Int32Array, position: number, at: Int32Array, places: Int32Array, firstPlace: number): void => {
    batch.ids.set(ids, batch.used);
    for (let i = 0; i < ids.length; i++, batch.used++) {
      batch.positions[batch.used] = position + i;
      at[firstPlace + i] = batch.used;
      places[batch.used] = firstPlace + i;
    }
  };
  let predicted = 0;
  for (const [slot, group] of members.entries()) {
    const { prompt, completions } = groups[group];
    batch.promptLengths[slot] = prompt.length;
    write(prompt, 0, batch.promptAt, batch.inPrompts, slot * promptLength);
    const lastOfPrompt = batch.used - 1;
    for (const [completion, ids] of completions.entries()) {
      batch.pieces.push({ group, completion, start: predicted, length: ids.length });
      for (let i = 0; i < ids.length; i++) {
        batch.source[predicted] = i === 0 ? lastOfPrompt : batch.used + i - 1;
        batch.target[predicted++] = ids[i];
      }
      if (lists > 0) write(ids, prompt.length, batch.listAt, batch.inLists, (slot * lists + completion) * listLength);
      else write(ids, prompt.length, batch.promptAt, batch.inPrompts, slot * promptLength + prompt.length);
    }
  }
  return batch;
}

function total(of: readonly number[], value: (one: number) => number): number {
  return of.reduce((sum, one) => sum + value(one), 0);
}
