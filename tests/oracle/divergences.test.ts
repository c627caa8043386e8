import { describe, expect, it } from 'vitest';
import { divergenceComparisons } from './method-comparisons.ts';

describe('divergences agree with TRL', () => {
  it.each(divergenceComparisons(`${import.meta.dirname}/data`))('$what', ({ error, tolerance }) => {
    expect(error).toBeLessThanOrEqual(tolerance);
  });
});
