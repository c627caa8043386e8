import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawResamples, meanInterval, pairedDifference, pairedRatio } from '../../lib/method/bootstrap.ts';
import { meanMetrics, ndcgAt, rankingMetrics, recallAt } from '../../lib/method/metrics.ts';
import { fitCapacityLaw, fitPowerLaw, fitSaturation, type SizeRow } from '../../lib/method/scaling.ts';
import { Random } from '../../lib/random.ts';

describe('ranking metrics', () => {
  it('of a worked example', () => {
    const metrics = rankingMetrics(['x', 'a', 'y', 'b', 'z', 'w'], ['a', 'b', 'c', 'd']);
    const gain = 1 / Math.log2(3) + 1 / Math.log2(5);
    const ideal = 1 + 1 / Math.log2(3) + 1 / 2 + 1 / Math.log2(5);
    expect(metrics).toEqual({
      'recall@5': 0.5,
      'recall@10': 0.5,
      'ndcg@5': gain / ideal,
      'ndcg@10': gain / ideal,
      mrr: 0.5,
    });
  });

  it('are 1 for a perfect ranking and 0 for an empty one', () => {
    expect(Object.values(rankingMetrics(['a', 'b'], ['b', 'a']))).toEqual([1, 1, 1, 1, 1]);
    expect(Object.values(rankingMetrics([], ['a']))).toEqual([0, 0, 0, 0, 0]);
    expect(Object.values(rankingMetrics(['a'], []))).toEqual([0, 0, 0, 0, 0]);
  });

  it('stay within [0, 1], and recall grows with k', () => {
    const ids = fc.uniqueArray(fc.integer({ min: 0, max: 30 }).map(String), { maxLength: 20 });
    fc.assert(
      fc.property(ids, ids, (ranked, relevant) => {
        for (const value of Object.values(rankingMetrics(ranked, relevant))) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(1 + 1e-12);
        }
        for (let k = 1; k < 20; k++)
          expect(recallAt(ranked, relevant, k + 1)).toBeGreaterThanOrEqual(recallAt(ranked, relevant, k));
        expect(ndcgAt(ranked, relevant, 1)).toBe(relevant.includes(ranked[0]) ? 1 : 0);
      }),
    );
  });

  it('have a mean over readers', () => {
    const mean = meanMetrics([rankingMetrics(['a'], ['a']), rankingMetrics(['b'], ['a'])]);
    expect(Object.values(mean)).toEqual([0.5, 0.5, 0.5, 0.5, 0.5]);
  });
});

describe('the paired bootstrap', () => {
  const random = new Random('bootstrap test');
  const a = Float64Array.from({ length: 400 }, () => random.normal(0.3, 1));
  const b = a.map((value) => value - 0.05 + random.normal(0, 0.1));
  const resamples = drawResamples(400, 1000, 1);

  it('draws as many readers as there are, every time, and the same for the same seed', () => {
    for (let sample = 0; sample < 1000; sample++) {
      const row = resamples.counts.subarray(sample * 400, (sample + 1) * 400);
      expect(row.reduce((sum, count) => sum + count, 0)).toBe(400);
    }
    expect(drawResamples(400, 1000, 1).counts).toEqual(resamples.counts);
    expect(drawResamples(400, 1000, 2).counts).not.toEqual(resamples.counts);
  });

  it('has the width that theory gives', () => {
    const { mean, low, high } = meanInterval(a, resamples);
    expect(low).toBeLessThan(mean);
    expect((high - low) / (2 * 1.96 * (1 / 20))).toBeCloseTo(1, 0);
  });

  it('finds a small difference that pairing shows', () => {
    const difference = pairedDifference(a, b, resamples);
    expect(difference.mean).toBeCloseTo(0.05, 1);
    expect(difference.low).toBeGreaterThan(0);
    expect(meanInterval(a, resamples).low).toBeLessThan(meanInterval(b, resamples).high);
  });

  it('of a ratio with itself is 1', () => {
    expect(pairedRatio(a, a, resamples)).toEqual({ mean: 1, low: 1, high: 1 });
  });

  it('covers the truth about as often as it says', () => {
    const source = new Random('coverage');
    const fixed = drawResamples(100, 300, 3);
    let covered = 0;
    for (let trial = 0; trial < 300; trial++) {
      const { low, high } = meanInterval(
        Float64Array.from({ length: 100 }, () => source.exponential(1)),
        fixed,
      );
      if (low <= 1 && high >= 1) covered++;
    }
    expect(covered / 300).toBeGreaterThan(0.88);
  });

  it('refuses values of other readers', () => {
    expect(() => meanInterval([1, 2], resamples)).toThrow(RangeError);
  });
});

describe('scaling curves', () => {
  const readers = 200;
  const resamples = drawResamples(readers, 200, 1);
  const noisy = (mean: number, label: string): Float64Array => {
    const random = new Random('scaling', label);
    return Float64Array.from({ length: readers }, () => mean * (1 + random.normal(0, 0.2)));
  };

  it('a power law is found, with an interval that holds its exponent', () => {
    const points = [1e5, 4e5, 1.6e6, 6.4e6].map((x) => ({ x, values: noisy(0.01 * x ** 0.2, String(x)) }));
    const { exponent, coefficient, formula } = fitPowerLaw(points, resamples);
    expect(exponent.mean).toBeCloseTo(0.2, 1);
    expect(exponent.low).toBeLessThan(0.2);
    expect(exponent.high).toBeGreaterThan(0.2);
    expect(coefficient).toBeGreaterThan(0);
    expect(formula).toContain('x^');
  });

  it('a saturating curve is found exactly where there is no noise', () => {
    const points = [1, 2, 4, 8, 16].map((x) => ({ x, values: new Float64Array(readers).fill(0.31 - 0.04 / x) }));
    const { ceiling, gap, rate } = fitSaturation(points, resamples);
    expect(ceiling.mean).toBeCloseTo(0.31, 3);
    expect(gap).toBeCloseTo(0.04, 2);
    expect(rate.mean).toBeCloseTo(1, 1);
    expect(rate.low).toBeLessThanOrEqual(rate.high);
  });

  describe('a capacity law over seeds', () => {
    const rowsOf = (at: (size: number) => number): SizeRow[] => {
      const random = new Random('capacity');
      return [1e5, 4e5, 1.6e6, 6.4e6].flatMap((size) =>
        [1, 2, 3].flatMap((seed) =>
          Array.from({ length: 100 }, (_, i) => {
            const value = at(size) * (1 + random.normal(0, 0.1));
            return { size, seed, world: 1, reader: `reader-${i}`, value };
          }),
        ),
      );
    };
    const lawful = rowsOf((size) => 0.01 * size ** 0.2);

    it('finds the exponent and predicts the largest size', () => {
      const { exponent, p, means, largest } = fitCapacityLaw(lawful);
      expect(exponent.low).toBeLessThan(0.2);
      expect(exponent.high).toBeGreaterThan(0.2);
      expect(exponent.high - exponent.low).toBeLessThan(0.05);
      expect(p).toBeLessThan(0.001);
      expect(means.map(({ size }) => size)).toEqual([1e5, 4e5, 1.6e6, 6.4e6]);
      expect(largest.isAsPredicted).toBe(true);
    });

    it('says where the largest size is not as predicted', () => {
      const short = fitCapacityLaw(rowsOf((size) => 0.01 * Math.min(size, 1.6e6) ** 0.2));
      expect(short.largest.isAsPredicted).toBe(false);
      expect(short.largest.measured).toBeLessThan(short.largest.predicted.low);
    });

    it('refuses three sizes, a mean of zero, and a size that measured other readers', () => {
      expect(() => fitCapacityLaw(lawful.filter(({ size }) => size < 6e6))).toThrow('needs at least four');
      const none = lawful.map((row) => (row.size === 1e5 ? { ...row, value: 0 } : row));
      expect(() => fitCapacityLaw(none)).toThrow('the mean at size 100000 is 0');
      const others = lawful.map((row) => (row.size === 4e5 ? { ...row, reader: `other ${row.reader}` } : row));
      expect(() => fitCapacityLaw(others)).toThrow('size 400000 measured other seeds or readers');
      const fewer = lawful.filter(({ size, seed }) => size !== 4e5 || seed !== 2);
      expect(() => fitCapacityLaw(fewer)).toThrow('size 400000 measured other seeds or readers');
    });
  });
});
