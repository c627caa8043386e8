import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareArms, exceedsP, meanEstimate, srmP } from '../../lib/method/experiment.ts';
import { benjaminiHochberg, holm } from '../../lib/method/multiple-tests.ts';
import { welch, wilcoxon } from '../../lib/method/statistics.ts';
import { assignArm, type ExperimentState, verdict, type VerdictSettings } from '../../lib/method/verdict.ts';
import { Random } from '../../lib/random.ts';

// Evenly drawn: fc.double draws its bits evenly, and so nearly always something next to nothing.
const share = fc.nat(10_000).map((n) => n / 10_000);
const pValue = fc.oneof(share, fc.constantFrom(0, 1e-9, 1e-4));

describe('assignment', () => {
  it('keeps every treated reader treated as the share grows', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), share, share, (reader, salt, a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        if (assignArm(reader, salt, less) === 'treatment') expect(assignArm(reader, salt, more)).toBe('treatment');
        expect(assignArm(reader, salt, 0)).toBe('control');
        expect(assignArm(reader, salt, 1)).toBe('treatment');
      }),
    );
  });

  it('splits as planned, and independently of other experiments', () => {
    const readers = Array.from({ length: 40_000 }, (_, i) => `reader-${i}`);
    for (const share of [0.05, 0.25, 0.5]) {
      const treated = readers.filter((reader) => assignArm(reader, 'salt', share) === 'treatment').length;
      expect(srmP([treated, readers.length - treated], [share, 1 - share])).toBeGreaterThan(0.001);
    }
    const first = readers.filter((reader) => assignArm(reader, 'first', 0.5) === 'treatment');
    const both = first.filter((reader) => assignArm(reader, 'second', 0.5) === 'treatment').length;
    expect(srmP([both, first.length - both], [0.5, 0.5])).toBeGreaterThan(0.001);
  });
});

describe('statistics', () => {
  it('Holm and Benjamini-Hochberg keep the order of p values and never lower one', () => {
    fc.assert(
      fc.property(fc.array(pValue, { minLength: 1, maxLength: 12 }), (p) => {
        for (const adjusted of [holm(p), benjaminiHochberg(p)]) {
          adjusted.forEach((value, i) => {
            expect(value).toBeGreaterThanOrEqual(p[i] - 1e-15);
            expect(value).toBeLessThanOrEqual(1);
            adjusted.forEach((other, j) => {
              if (p[i] < p[j]) expect(value).toBeLessThanOrEqual(other);
            });
          });
        }
      }),
    );
  });

  it('so many or more of n are as unlikely as the binomial says', () => {
    // 1 - Σ_{k<3} C(10, k) .1^k .9^(10-k), and so on.
    expect(exceedsP(3, 10, 0.1)).toBeCloseTo(0.0701908264, 10);
    expect(exceedsP(10, 10, 0.5)).toBeCloseTo(2 ** -10, 12);
    expect(exceedsP(0, 10, 0.5)).toBe(1);
  });

  it('the signed-rank test is exact for few pairs, and corrected for ties and zeros', () => {
    // SciPy 1.17: wilcoxon([1, 2, 3, 4, -5]).pvalue, wilcoxon([1, 2, 3, 4, 5, 6]).pvalue
    expect(wilcoxon([1, 2, 3, 4, -5], [0, 0, 0, 0, 0])).toBe(0.625);
    expect(wilcoxon([1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 0])).toBe(0.03125);
    // SciPy 1.17, on differences with ties and zeros.
    const tied = Array.from({ length: 60 }, (_, i) => ((i * 7) % 11) - 4);
    expect(
      wilcoxon(
        tied,
        tied.map(() => 0),
      ),
    ).toBeCloseTo(0.020689043721346168, 9);
    expect(wilcoxon([1, 1], [1, 1])).toBe(1);
  });
});

describe('comparing arms', () => {
  it('agrees with Welch for means of large samples', () => {
    const random = new Random('means');
    const a = Array.from({ length: 5000 }, () => random.normal(5.1, 1));
    const b = Array.from({ length: 5000 }, () => random.normal(5, 1));
    const compared = compareArms(meanEstimate(a), meanEstimate(b));
    const tested = welch(a, b);
    expect(compared.p).toBeCloseTo(tested.p, 4);
    expect(compared.difference.low).toBeCloseTo(tested.low, 4);
    expect(compared.relative.mean).toBeCloseTo(compared.treatment / compared.control - 1, 12);
  });

  it('finds no difference between constant arms', () => {
    const same = meanEstimate([1, 1, 1]);
    expect(compareArms(same, same).p).toBe(1);
  });
});

describe('the verdict', () => {
  const settings: VerdictSettings = {
    days: 7,
    minimumSample: 200,
    significance: 0.05,
    srmThreshold: 0.001,
    guardrails: { ctrDrop: 0.1, errorRate: 0.02, p95Ms: 500 },
  };
  const metric = (mean: number, p: number, width = 0.02) => ({
    relative: { mean, low: mean - width, high: mean + width },
    p,
  });
  const state: ExperimentState = {
    finished: true,
    readers: { control: 2000, treatment: 1900 },
    srmP: 0.4,
    metrics: { ctr: metric(0.05, 0.001), dau: metric(0.01, 0.3), coldDau: metric(0.02, 0.4) },
    ctrAlwaysValidP: 0.001,
    errorRate: 0,
    p95Ms: 40,
    errorRateP: 1,
    p95P: 1,
  };
  const outcome = (change: Partial<ExperimentState>): string => verdict({ ...state, ...change }, settings).outcome;

  it('promotes a significant gain once the plan is over', () => {
    expect(outcome({})).toBe('promote');
    expect(outcome({ finished: false })).toBe('running');
  });

  it('rejects where any metric fell significantly', () => {
    expect(outcome({ metrics: { ctr: metric(0.05, 0.001), dau: metric(-0.03, 0.002) } })).toBe('reject');
  });

  it('is inconclusive without significance, corrected for the number of metrics', () => {
    expect(outcome({ metrics: { ctr: metric(0.05, 0.03), dau: metric(0, 0.9), coldDau: metric(0, 0.8) } })).toBe(
      'inconclusive',
    );
    expect(outcome({ metrics: { ctr: metric(0.05, 0.03) } })).toBe('promote');
  });

  it('rolls back on a broken guardrail, finished or not', () => {
    expect(outcome({ finished: false, errorRate: 0.05, errorRateP: 0.001 })).toBe('rollback');
    expect(outcome({ finished: false, p95Ms: 501, p95P: 0.001 })).toBe('rollback');
    expect(outcome({ finished: false, metrics: { ctr: metric(-0.2, 0.001) } })).toBe('rollback');
  });

  it('takes no failure or slow answer for more than chance would bring among so few', () => {
    expect(outcome({ finished: false, errorRate: 0.1, errorRateP: 0.18 })).toBe('running');
    expect(outcome({ finished: false, p95Ms: 900, p95P: 0.02 })).toBe('running');
  });

  it('takes no CTR drop for one that chance explains over all looks, or whose sample is small', () => {
    expect(outcome({ finished: false, metrics: { ctr: metric(-0.2, 0.001) }, ctrAlwaysValidP: 0.2 })).toBe('running');
    expect(
      outcome({ finished: false, readers: { control: 2000, treatment: 50 }, metrics: { ctr: metric(-0.2, 0.001) } }),
    ).toBe('running');
  });

  it('holds where the split is broken or the sample too small', () => {
    expect(outcome({ srmP: 1e-5 })).toBe('inconclusive');
    expect(outcome({ finished: false, srmP: 1e-5 })).toBe('inconclusive');
    expect(outcome({ readers: { control: 2000, treatment: 199 } })).toBe('inconclusive');
  });

  it('never promotes with a broken guardrail, a broken split, a small sample or an unfinished plan, and always says why', () => {
    let promoted = 0;
    let fallen = 0;
    fc.assert(
      fc.property(
        fc.record({
          finished: fc.boolean(),
          readers: fc.record({ control: fc.nat(1000), treatment: fc.nat(1000) }),
          srmP: pValue,
          ctrAlwaysValidP: pValue,
          errorRate: share.map((n) => 0.04 * n),
          p95Ms: share.map((n) => 1000 * n),
          errorRateP: pValue,
          p95P: pValue,
          metrics: fc.dictionary(
            fc.constantFrom('ctr', 'dau', 'coldDau'),
            fc
              .tuple(
                share.map((n) => 0.6 * n - 0.3),
                pValue,
              )
              .map(([mean, value]) => metric(mean, value)),
          ),
        }),
        (any) => {
          const decided = verdict(any, settings);
          expect(decided.reasons.length).toBeGreaterThan(0);
          const ctr = any.metrics['ctr']?.relative.mean ?? 0;
          const fell = ctr < -settings.guardrails.ctrDrop && any.ctrAlwaysValidP < 0.05;
          if (fell && decided.outcome === 'rollback') fallen++;
          if (decided.outcome !== 'promote') return;
          promoted++;
          const isBroken =
            fell || (any.errorRate > 0.02 && any.errorRateP < 0.05 / 7) || (any.p95Ms > 500 && any.p95P < 0.05 / 7);
          expect(any.finished && any.srmP >= 0.001 && !isBroken).toBe(true);
          expect(Math.min(any.readers.control, any.readers.treatment)).toBeGreaterThanOrEqual(200);
        },
      ),
      { numRuns: 2000 },
    );
    expect(promoted).toBeGreaterThan(0);
    expect(fallen).toBeGreaterThan(0);
  });
});
