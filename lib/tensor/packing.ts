/**
 * Groups of token lists as rows of equal length: a prompt once, the completions that share it after it. A group of G lists costs
 * Lp + G·Ls tokens instead of G·(Lp + Ls). Shapes come from a coarse grid, a function of the batch alone, so that few are compiled and
 * a replayed batch takes the same path.
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
  rows: number;
  time: number;
  /** [rows × time]; llama.ts, PackedTokens. */
  ids: Int32Array;
  positions: Int32Array;
  segment: Int32Array;
  parent: Int32Array;
  /** Room for targets: completion tokens to be predicted. The rest is padding: source 0, target 0, in no piece. */
  targets: number;
  /** [targets]: the flat position whose hidden state predicts the target, and the target. */
  source: Int32Array;
  target: Int32Array;
  pieces: Piece[];
}

/** Packs groups into micro-batches of at most `tokens` row tokens (one row at least), all of the same shape. Throws RangeError on an empty prompt. */
export function packGroups(groups: readonly TokenGroup[], tokens: number): PackedBatch[] {
  const lengths = groups.map(({ prompt, completions }, i) => {
    if (prompt.length === 0)
      throw new RangeError(`the prompt of group ${i} is empty: nothing predicts its completions`);
    return prompt.length + completions.reduce((sum, { length }) => sum + length, 0);
  });
  if (groups.length === 0) return [];
  const time = onGrid(Math.max(...lengths), 64);
  const rows = fitRows(lengths, time);
  const atMost = Math.max(1, Math.floor(tokens / time));
  const batches = Math.ceil(rows.length / atMost);
  const perBatch = Math.min(onGrid(Math.ceil(rows.length / batches), 1), belowOnGrid(atMost));
  const parts = Array.from({ length: Math.ceil(rows.length / perBatch) }, (_, i) =>
    rows.slice(i * perBatch, (i + 1) * perBatch),
  );
  const targetsOf = (part: number[][]): number =>
    part.flat().reduce((sum, group) => sum + lengths[group] - groups[group].prompt.length, 0);
  const targets = onGrid(Math.max(1, ...parts.map(targetsOf)), 64);
  return parts.map((part) => fill(groups, part, { rows: perBatch, time, targets }));
}

/** The next of 1, 2, 3, 4, 6, 8, 12, 16 … units: never more than half too large. */
export function onGrid(value: number, unit: number): number {
  for (let size = 1; ; size *= 2) {
    if (size * unit >= value) return size * unit;
    if (size > 1 && size * 1.5 * unit >= value) return size * 1.5 * unit;
  }
}

/** The largest of 1, 2, 3, 4, 6, 8 … that is not above the value. */
function belowOnGrid(value: number): number {
  let size = 1;
  while (onGrid(size + 1, 1) <= value) size = onGrid(size + 1, 1);
  return size;
}

/** Groups of each row: longest first, each into the fullest row that has room. */
function fitRows(lengths: readonly number[], time: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b] - lengths[a] || a - b);
  const rows: { groups: number[]; left: number }[] = [];
  for (const group of order) {
    let best: { groups: number[]; left: number } | undefined;
    for (const row of rows) {
      if (row.left >= lengths[group] && (!best || row.left < best.left)) best = row;
    }
    if (!best) rows.push((best = { groups: [], left: time }));
    best.groups.push(group);
    best.left -= lengths[group];
  }
  return rows.map((row) => row.groups);
}

function fill(
  groups: readonly TokenGroup[],
  rowGroups: readonly number[][],
  { rows, time, targets }: { rows: number; time: number; targets: number },
): PackedBatch {
  const batch: PackedBatch = {
    rows,
    time,
    ids: new Int32Array(rows * time),
    positions: new Int32Array(rows * time),
    segment: new Int32Array(rows * time).fill(-1),
    parent: new Int32Array(rows * time).fill(-1),
    targets,
    source: new Int32Array(targets),
    target: new Int32Array(targets),
    pieces: [],
  };
  let predicted = 0;
  for (const [row, members] of rowGroups.entries()) {
    let at = row * time;
    let segment = 0;
    const write = (tokens: Int32Array, position: number, parent: number): void => {
      batch.ids.set(tokens, at);
      for (let i = 0; i < tokens.length; i++) batch.positions[at + i] = position + i;
      batch.segment.fill(segment, at, at + tokens.length);
      batch.parent.fill(parent, at, at + tokens.length);
      at += tokens.length;
      segment++;
    };
    for (const group of members) {
      const { prompt, completions } = groups[group];
      const parent = segment;
      write(prompt, 0, parent);
      const lastOfPrompt = at - 1;
      for (const [completion, tokens] of completions.entries()) {
        batch.pieces.push({ group, completion, start: predicted, length: tokens.length });
        for (let i = 0; i < tokens.length; i++) {
          batch.source[predicted] = i === 0 ? lastOfPrompt : at + i - 1;
          batch.target[predicted++] = tokens[i];
        }
        write(tokens, prompt.length, parent);
      }
    }
  }
  return batch;
}
