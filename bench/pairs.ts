/** The arithmetic of a comparison: ours and a peer run in turns, and each turn gives one ratio. */

export interface Spread {
  median: number;
  low: number;
  high: number;
}

/** Median and range. Throws RangeError on nothing. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('nothing was measured');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { median, low: sorted[0], high: sorted[sorted.length - 1] };
}

/** How many times as long the peer took, turn by turn. Both were measured equally often. */
export function speedups(ours: readonly number[], peer: readonly number[]): Spread {
  return spreadOf(ours.map((milliseconds, turn) => peer[turn] / milliseconds));
}

export interface Tolerance {
  absolute?: number;
  relative?: number;
}

/** One sentence for the first number on which a contender differs from ours by more than the tolerance; null when it agrees. */
export function disagreement(
  ours: Readonly<Record<string, readonly number[]>>,
  theirs: Readonly<Record<string, readonly number[]>>,
  tolerances: Readonly<Record<string, Tolerance>>,
): string | null {
  for (const [name, { absolute = 0, relative = 0 }] of Object.entries(tolerances)) {
    const [left, right] = [ours[name] ?? [], theirs[name] ?? []];
    if (left.length !== right.length || left.length === 0) {
      return `${name}: ${left.length} numbers are ours, ${right.length} are its`;
    }
    for (const [i, value] of left.entries()) {
      const allowed = absolute + relative * Math.abs(value);
      if (!(Math.abs(value - right[i]) <= allowed)) return `${name}[${i}] is ${value} for us, ${right[i]} for it`;
    }
  }
  return null;
}
