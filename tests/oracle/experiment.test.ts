import { describe, expect, it } from 'vitest';
import { experimentComparisons } from './method-comparisons.ts';

describe('experiment statistics agree with SciPy and statsmodels', () => {
  it.each(experimentComparisons(`${import.meta.dirname}/data`))('$what', ({ error, tolerance }) => {
    expect(error).toBeLessThanOrEqual(tolerance);
  });
});
