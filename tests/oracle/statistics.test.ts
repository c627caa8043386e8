/** Claims and capacity laws against statsmodels and SciPy (`statistics_reference.py` writes data/statistics.json). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawResamples } from '../../lib/method/bootstrap.ts';
import { type PairedRow, pairedEffect } from '../../lib/method/hierarchy.ts';
import { fitCapacityLaw, fitSaturation, type SizeRow } from '../../lib/method/scaling.ts';

interface Reference {
  paired: {
    rows: PairedRow[];
    mean: number;
    error: number;
    df: number;
    low: number;
    high: number;
    p: number;
    mixed_model_error?: number;
  }[];
  capacity: {
    rows: SizeRow[];
    coefficient: number;
    exponent: number[];
    p: number;
    measured: number;
    predicted: number[];
  };
  saturation: { x: number[]; y: number[]; ceiling: number; gap: number; rate: number }[];
}

const reference = JSON.parse(readFileSync(join(import.meta.dirname, 'data', 'statistics.json'), 'utf8')) as Reference;

/** Relative to the expected value. */
function expectClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of expected.entries())
    expect(Math.abs(actual[i] / value - 1), `${actual[i]} against ${value}`).toBeLessThan(tolerance);
}

describe('a paired difference over seeds and readers', () => {
  it.each(reference.paired)('agrees with the analysis of variance of statsmodels', (expected) => {
    const { difference, error, df, p } = pairedEffect(expected.rows);
    expectClose(
      [difference.mean, difference.low, difference.high, error, df, p],
      [expected.mean, expected.low, expected.high, expected.error, expected.df, expected.p],
      1e-9,
    );
  });

  it('agrees with the mixed model of statsmodels, whose optimizer stops at four digits', () => {
    const [, { rows, mixed_model_error }] = reference.paired;
    expectClose([pairedEffect(rows).error], [mixed_model_error as number], 1e-3);
  });
});

describe('scaling laws', () => {
  it('a capacity law agrees with SciPy’s line, errors and prediction', () => {
    const { rows, ...expected } = reference.capacity;
    const { coefficient, exponent, p, largest } = fitCapacityLaw(rows);
    expectClose(
      [coefficient, exponent.mean, exponent.low, exponent.high, p],
      [expected.coefficient, ...expected.exponent, expected.p],
      1e-9,
    );
    const { measured, predicted } = largest;
    expectClose(
      [measured, predicted.mean, predicted.low, predicted.high],
      [expected.measured, ...expected.predicted],
      1e-9,
    );
  });

  it.each(reference.saturation)('a saturating curve agrees with SciPy’s curve_fit', ({ x, y, ceiling, gap, rate }) => {
    const points = x.map((at, i) => ({ x: at, values: [y[i], y[i]] }));
    const fit = fitSaturation(points, drawResamples(2, 2, 1));
    expectClose([fit.ceiling.mean, fit.gap, fit.rate.mean], [ceiling, gap, rate], 1e-5);
  });
});
