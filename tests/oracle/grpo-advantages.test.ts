import { describe, expect, it } from 'vitest';
import { advantageComparisons } from './method-comparisons.ts';

describe('advantages agree with TRL', () => {
  it.each(advantageComparisons(`${import.meta.dirname}/data`))('$what', ({ error, tolerance }) => {
    expect(error).toBeLessThanOrEqual(tolerance);
  });
});
