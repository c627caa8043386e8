import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { onGrid, packGroups } from '../../lib/tensor/packing.ts';

const tokens = (least: number, most: number) =>
  fc.array(fc.integer({ min: 0, max: 500 }), { minLength: least, maxLength: most }).map((ids) => Int32Array.from(ids));
const groups = fc.array(fc.record({ prompt: tokens(1, 40), completions: fc.array(tokens(0, 12), { maxLength: 5 }) }), {
  minLength: 1,
  maxLength: 20,
});

describe('packed groups', () => {
  it('hold every completion token once, predicted from the token before it', () => {
    fc.assert(
      fc.property(groups, fc.integer({ min: 64, max: 1024 }), (list, budget) => {
        const batches = packGroups(list, budget);
        const seen = new Set<string>();
        for (const batch of batches) {
          for (const { group, completion, start, length } of batch.pieces) {
            seen.add(`${group} ${completion}`);
            const { prompt, completions } = list[group];
            const expected = completions[completion];
            expect([...batch.target.subarray(start, start + length)]).toEqual([...expected]);
            for (let i = 0; i < length; i++) {
              const from = batch.source[start + i];
              const before = i === 0 ? prompt[prompt.length - 1] : expected[i - 1];
              expect(batch.ids[from]).toBe(before);
              expect(batch.positions[from]).toBe(prompt.length + i - 1);
              if (i > 0) expect(batch.segment[from]).not.toBe(batch.parent[from]);
            }
          }
        }
        expect(seen.size).toBe(list.reduce((n, { completions }) => n + completions.length, 0));
      }),
    );
  });

  it('keep to the budget where a row fits into it, all micro-batches of one shape', () => {
    fc.assert(
      fc.property(groups, fc.integer({ min: 64, max: 1024 }), (list, budget) => {
        const batches = packGroups(list, budget);
        for (const { rows, time, targets } of batches) {
          expect(rows === 1 || rows * time <= budget).toBe(true);
          expect([rows, time, targets]).toEqual([batches[0].rows, batches[0].time, batches[0].targets]);
        }
      }),
    );
  });

  it('are the same for the same groups', () => {
    fc.assert(
      fc.property(groups, (list) => {
        expect(packGroups(list, 256)).toEqual(packGroups(list, 256));
      }),
    );
  });

  it('refuse an empty prompt', () => {
    expect(() => packGroups([{ prompt: new Int32Array(), completions: [] }], 256)).toThrow(
      /prompt of group 0 is empty/,
    );
  });

  it('have sizes from a grid that wastes less than half', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.constantFrom(1, 64), (value, unit) => {
        const size = onGrid(value, unit);
        expect(size).toBeGreaterThanOrEqual(value);
        expect(size).toBeLessThanOrEqual(Math.max(unit, value * 1.5));
      }),
    );
  });
});
