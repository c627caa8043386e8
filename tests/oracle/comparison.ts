/** One look at a reference value, and how far we are from it. */
import type { StoredTensor } from '../../lib/store/safetensors.ts';

/** `error`: how far at most; what kind of distance, `what` or its maker says. NaN never passes. */
export interface Comparison {
  what: string;
  error: number;
  tolerance: number;
}

export function passes({ error, tolerance }: Comparison): boolean {
  return error <= tolerance;
}

/** One tensor as plain numbers. */
export function numbersOf(tensors: ReadonlyMap<string, StoredTensor>, name: string): number[] {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`the reference has no ${name}`);
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** Largest absolute difference, and the same relative to the largest expected entry; NaN where lengths differ or a value is NaN. */
export function largestError(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): { absolute: number; relative: number } {
  if (actual.length !== expected.length) return { absolute: Number.NaN, relative: Number.NaN };
  let absolute = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    absolute = Math.max(absolute, Math.abs(actual[i] - expected[i]));
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return { absolute, relative: absolute / largest };
}

/** Number of places where two sequences differ. */
export function differences(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const length = Math.max(actual.length, expected.length);
  return Array.from({ length }, (_, i) => Number(actual[i] !== expected[i])).reduce((total, d) => total + d, 0);
}
