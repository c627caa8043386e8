import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { onGrid, type PackedBatch, packGroups, type TokenGroup } from '../../lib/tensor/packing.ts';

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
            }
          }
        }
        expect(seen.size).toBe(list.reduce((n, { completions }) => n + completions.length, 0));
      }),
    );
  });

  it('stand in their blocks, each token in one place: prompts by group, lists by group and list', () => {
    fc.assert(
      fc.property(groups, fc.integer({ min: 64, max: 1024 }), (list, budget) => {
        const read: TokenGroup[] = [];
        for (const batch of packGroups(list, budget)) {
          const { promptLength, lists, listLength, used, ids, promptAt, listAt, inPrompts, inLists } = batch;
          expect([...inPrompts, ...inLists].filter((place) => place >= 0).length).toBe(used);
          inPrompts.forEach((place, token) => place >= 0 && expect(promptAt[place]).toBe(token));
          inLists.forEach((place, token) => place >= 0 && expect(listAt[place]).toBe(token));
          const standing = (at: Int32Array, first: number, length: number): Int32Array =>
            at
              .subarray(first, first + length)
              .filter((token) => token >= 0)
              .map((token) => ids[token]);
          batch.promptLengths.forEach((length, slot) => {
            const together = standing(promptAt, slot * promptLength, promptLength);
            const prompt = together.subarray(0, length);
            const completions =
              lists === 0
                ? [together.subarray(length)]
                : Array.from({ length: lists }, (_, i) =>
                    standing(listAt, (slot * lists + i) * listLength, listLength),
                  );
            if (lists > 0) expect(together.length).toBe(length);
            if (length > 0) read.push({ prompt, completions });
          });
        }
        const spelled = (all: readonly TokenGroup[]): string[] =>
          all
            .map((one) =>
              [one.prompt, ...one.completions]
                .map((ids) => ids.join(' '))
                .join('|')
                .replace(/\|+$/, ''),
            )
            .sort();
        expect(spelled(read)).toEqual(spelled(list));
      }),
    );
  });

  it('keep to the budget where a group fits into it, all micro-batches of one shape', () => {
    fc.assert(
      fc.property(groups, fc.integer({ min: 64, max: 1024 }), (list, budget) => {
        const batches = packGroups(list, budget);
        const shapeOf = ({ tokens, targets, groups, promptLength, lists, listLength }: PackedBatch) => [
          tokens,
          targets,
          groups,
          promptLength,
          lists,
          listLength,
        ];
        for (const batch of batches) {
          const held = batch.promptLengths.filter((length) => length > 0).length;
          expect(held === 1 || batch.tokens <= Math.max(64, budget)).toBe(true);
          expect(shapeOf(batch)).toEqual(shapeOf(batches[0]));
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

  it('have sizes from a grid that wastes less than an eighth', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.constantFrom(1, 64), (value, unit) => {
        const size = onGrid(value, unit);
        expect(size).toBeGreaterThanOrEqual(value);
        expect(size).toBeLessThanOrEqual(Math.max(unit, value * 1.125 + unit));
      }),
    );
  });
});
