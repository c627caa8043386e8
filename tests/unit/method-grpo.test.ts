import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forwardKl, jensenShannon, logSoftmax, reverseKl } from '../../lib/method/distillation.ts';
import {
  advantagesOf,
  bestOf,
  centredAdvantages,
  judgedLists,
  rewardShares,
  standardisedAdvantages,
  zeroVarianceGroups,
} from '../../lib/method/grpo.ts';
import { rewardNames } from '../../lib/method/rewards.ts';

const GROUP = 4;
const reward = fc.double({ min: 0, max: 1, noNaN: true });
const group = fc.array(reward, { minLength: GROUP, maxLength: GROUP });
const rewards = fc.array(group, { minLength: 1, maxLength: 6 }).map((groups) => Float64Array.from(groups.flat()));
const ones = { align: 1, cov: 1, spec: 1, div: 1, struct: 1 };

describe('advantages', () => {
  it('of Dr. GRPO are rewards less their group’s mean', () => {
    expect([...centredAdvantages(Float64Array.of(1, 2, 3, 6, 5, 5, 5, 5), GROUP)]).toEqual([-2, -1, 0, 3, 0, 0, 0, 0]);
  });

  it('sum to zero in each group, for every variant', () => {
    fc.assert(
      fc.property(rewards, (values) => {
        for (const advantage of Object.values(advantagesOf)) {
          const advantages = advantage(values, GROUP);
          for (let start = 0; start < values.length; start += GROUP) {
            const sum = advantages.subarray(start, start + GROUP).reduce((a, b) => a + b, 0);
            expect(Math.abs(sum)).toBeLessThan(1e-9);
          }
        }
      }),
    );
  });

  it('leave a list without a judgement out of its group’s mean', () => {
    const values = Float64Array.of(1, Number.NaN, 3, 8);
    expect([...centredAdvantages(values, GROUP)]).toEqual([-3, 0, -1, 4]);
    expect([...judgedLists(values)]).toEqual([1, 0, 1, 1]);
    const [a, missing, b, c] = standardisedAdvantages(values, GROUP);
    expect(missing).toBe(0);
    expect(a + b + c).toBeCloseTo(0, 12);
    expect([...centredAdvantages(new Float64Array(GROUP).fill(Number.NaN), GROUP)]).toEqual([0, 0, 0, 0]);
  });

  it('are refused for a broken group', () => {
    expect(() => centredAdvantages(new Float64Array(7), GROUP)).toThrow(RangeError);
  });

  it('are all zero in groups of equal rewards, which are counted', () => {
    const values = Float64Array.of(1, 1, 1, 1, 0, 1, 1, 1, 2, Number.NaN, 2, 2);
    expect(zeroVarianceGroups(values, GROUP)).toBe(2);
  });
});

describe('the reward-share ledger', () => {
  const parts = fc.tuple(group, group, group, group, group).map((columns) => ({
    align: Float64Array.from(columns[0]),
    cov: Float64Array.from(columns[1]),
    spec: Float64Array.from(columns[2]),
    div: Float64Array.from(columns[3]),
    struct: Float64Array.from(columns[4]),
  }));
  const totalsOf = (columns: Record<(typeof rewardNames)[number], Float64Array>, weights: typeof ones): Float64Array =>
    columns.align.map((_, i) => rewardNames.reduce((sum, name) => sum + weights[name] * columns[name][i], 0));

  const updateOf = (rewards: Float64Array, advantages: Float64Array) => {
    const judged = judgedLists(rewards);
    return { advantages, judged, used: judged, group: GROUP };
  };

  it('sums to 1, whatever the variant and the weights', () => {
    const weights = { ...ones, cov: 2, div: 0.5 };
    fc.assert(
      fc.property(parts, fc.constantFrom(centredAdvantages, standardisedAdvantages), (columns, advantage) => {
        const totals = totalsOf(columns, weights);
        fc.pre(zeroVarianceGroups(totals, GROUP) === 0);
        const shares = rewardShares(columns, weights, updateOf(totals, advantage(totals, GROUP)));
        expect(Object.values(shares).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
      }),
    );
  });

  it('gives all to the only reward that varies, and nothing to one without weight', () => {
    const flat = Float64Array.of(0.5, 0.5, 0.5, 0.5);
    const columns = {
      align: flat,
      cov: Float64Array.of(0, 1, 0, 1),
      spec: flat,
      div: Float64Array.of(1, 0, 0, 0),
      struct: flat,
    };
    const weights = { ...ones, div: 0 };
    const totals = totalsOf(columns, weights);
    const shares = rewardShares(columns, weights, updateOf(totals, centredAdvantages(totals, GROUP)));
    expect(shares).toEqual({ align: 0, cov: 1, spec: 0, div: 0, struct: 0 });
  });

  it('is of the lists in the update alone, masked ones left out', () => {
    const columns = {
      align: Float64Array.of(0.1, 0.5, 0.3, 0),
      cov: new Float64Array(GROUP),
      spec: new Float64Array(GROUP),
      div: new Float64Array(GROUP),
      struct: Float64Array.of(1, 1, 1, 0),
    };
    const totals = totalsOf(columns, ones);
    const update = updateOf(totals, centredAdvantages(totals, GROUP));
    const all = rewardShares(columns, ones, update);
    const masked = rewardShares(columns, ones, { ...update, used: Uint8Array.of(1, 1, 1, 0) });
    expect(masked.struct).toBeLessThan(all.struct);
    expect(masked.align + masked.struct).toBeCloseTo(1, 12);
    // Of the three that are used: struct is .25 above its mean in each.
    const [a, s] = [0, 1, 2].reduce(
      ([align, struct], i) => {
        const advantage = update.advantages[i];
        return [align + (columns.align[i] - 0.225) * advantage, struct + 0.25 * advantage];
      },
      [0, 0],
    );
    expect(masked.struct).toBeCloseTo(s / (a + s), 12);
  });

  it('is all zero where there is no update, and ignores unjudged lists', () => {
    const flat = Float64Array.of(0.5, 0.5, Number.NaN, 0.5);
    const columns = { align: flat, cov: flat, spec: flat, div: flat, struct: flat };
    const shares = rewardShares(columns, ones, updateOf(flat, new Float64Array(GROUP)));
    expect(Object.values(shares)).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('best of N', () => {
  it('is the best judged list among the first N, the earliest of equals', () => {
    expect(bestOf([1, 3, null, 3, 9], 4)).toBe(1);
    expect(bestOf([1, 3, null, 3, 9], 5)).toBe(4);
    expect(bestOf([null, 2], 2)).toBe(1);
    expect(bestOf([null, null], 2)).toBe(0);
  });

  it('never gets worse with more lists', () => {
    fc.assert(
      fc.property(fc.array(reward, { minLength: 2, maxLength: 16 }), (totals) => {
        for (let n = 1; n < totals.length; n++)
          expect(totals[bestOf(totals, n + 1)]).toBeGreaterThanOrEqual(totals[bestOf(totals, n)]);
      }),
    );
  });
});

describe('divergences', () => {
  const logits = fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 6, maxLength: 6 });

  it('are zero for equal models and positive otherwise', () => {
    fc.assert(
      fc.property(logits, logits, (a, b) => {
        const [p, q] = [logSoftmax(a), logSoftmax(b)];
        for (const divergence of [reverseKl, forwardKl, jensenShannon]) {
          expect(divergence(p, p)).toBeCloseTo(0, 12);
          expect(divergence(p, q)).toBeGreaterThanOrEqual(-1e-12);
        }
        expect(reverseKl(p, q)).toBe(forwardKl(q, p));
        expect(jensenShannon(p, q)).toBeLessThanOrEqual(Math.log(2) + 1e-12);
      }),
    );
  });

  it('take a padded vocabulary row, of no probability for the student, for nothing', () => {
    const student = Float64Array.of(Math.log(0.5), Math.log(0.5), Number.NEGATIVE_INFINITY);
    const teacher = Float64Array.of(Math.log(0.5), Math.log(0.5), Number.NEGATIVE_INFINITY);
    expect(reverseKl(student, teacher)).toBe(0);
  });
});
