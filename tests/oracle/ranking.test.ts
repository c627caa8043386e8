import { describe, expect, it } from 'vitest';
import { rankingComparisons } from './method-comparisons.ts';

describe('ranking metrics agree with ranx', () => {
  it.each(rankingComparisons(`${import.meta.dirname}/data`))('$what', ({ error, tolerance }) => {
    expect(error).toBeLessThanOrEqual(tolerance);
  });
});
