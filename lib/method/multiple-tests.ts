/** p values of several tests together. Without dependencies: workflows decide with it. */

/** Holm's step-down adjustment of p values, in their order: bounds the chance of any false discovery. */
export function holm(p: readonly number[]): number[] {
  const order = ascending(p);
  const adjusted = p.map(() => Number.NaN);
  let most = 0;
  order.forEach((index, rank) => {
    most = Math.max(most, Math.min(1, (p.length - rank) * p[index]));
    adjusted[index] = most;
  });
  return adjusted;
}

/** Benjamini and Hochberg's step-up adjustment, in the order of `p`: bounds the expected share of false discoveries. */
export function benjaminiHochberg(p: readonly number[]): number[] {
  const order = ascending(p);
  const adjusted = p.map(() => Number.NaN);
  let least = 1;
  order.toReversed().forEach((index, i) => {
    least = Math.min(least, (p[index] * p.length) / (p.length - i));
    adjusted[index] = least;
  });
  return adjusted;
}

/** Indices of the values, the smallest first. */
export function ascending(values: readonly number[]): number[] {
  return values.map((_, i) => i).sort((i, j) => values[i] - values[j]);
}
