import { describe, expect, it } from 'vitest';
import { type ClaimRow, judgeClaims } from '../../lib/method/claims.ts';
import { type PairedRow, pairedEffect } from '../../lib/method/hierarchy.ts';
import { pairedT } from '../../lib/method/statistics.ts';
import { Random } from '../../lib/random.ts';

/** Differences: effect + seed's normal(0, bySeed) + reader's normal(0, byReader) + normal(0, rest). */
function measured(
  label: string,
  { effect = 0, bySeed = 0, byReader = 0, rest = 0, worlds = 2, seeds = 3, readers = 50 } = {},
): PairedRow[] {
  const rows: PairedRow[] = [];
  for (let world = 0; world < worlds; world++) {
    const random = new Random('claims test', label, world);
    const ofReaders = Array.from({ length: readers }, () => random.normal(0, byReader));
    for (let seed = 0; seed < seeds; seed++) {
      const ofSeed = random.normal(0, bySeed);
      ofReaders.forEach((ofReader, i) => {
        const other = random.uniform();
        const ours = other + effect + ofSeed + ofReader + random.normal(0, rest);
        rows.push({ seed, world, reader: `reader-${i}`, ours, other });
      });
    }
  }
  return rows;
}

describe('a paired difference over seeds and readers', () => {
  it('is a t interval over readers where the seeds agree, and over seeds where the readers agree', () => {
    const byReader = pairedEffect(measured('readers', { byReader: 1, worlds: 1 }));
    const ofOneSeed = measured('readers', { byReader: 1, worlds: 1, seeds: 1 });
    const overReaders = pairedT(
      ofOneSeed.map(({ ours }) => ours),
      ofOneSeed.map(({ other }) => other),
    );
    expect(byReader.difference.low).toBeCloseTo(overReaders.low, 10);
    expect(byReader.difference.high).toBeCloseTo(overReaders.high, 10);
    expect(byReader.p).toBeCloseTo(overReaders.p, 10);
    expect(byReader.seedShare).toBeCloseTo(0, 10);

    const rows = measured('seeds', { bySeed: 1, worlds: 1, seeds: 4 });
    const oneReader = rows.filter(({ reader }) => reader === 'reader-0');
    const overSeeds = pairedT(
      oneReader.map(({ ours }) => ours),
      oneReader.map(({ other }) => other),
    );
    const bySeed = pairedEffect(rows);
    expect(bySeed.df).toBeCloseTo(3, 10);
    expect(bySeed.difference.low).toBeCloseTo(overSeeds.low, 10);
    expect(bySeed.p).toBeCloseTo(overSeeds.p, 10);
    expect(bySeed.seedShare).toBeCloseTo(1, 10);
  });

  it('does not depend on the order of the rows', () => {
    const rows = measured('order', { bySeed: 0.1, byReader: 1, rest: 1 });
    const { difference, p } = pairedEffect(new Random('order').shuffle(rows));
    expect(difference.low).toBeCloseTo(pairedEffect(rows).difference.low, 12);
    expect(p).toBeCloseTo(pairedEffect(rows).p, 12);
  });

  it('has a p below 5 % where its 95 % interval leaves out zero, and only there', () => {
    for (let i = 0; i < 200; i++) {
      const { difference, p } = pairedEffect(
        measured(`agree ${i}`, { effect: 0.3, bySeed: 0.1, byReader: 0.5, rest: 1, readers: 20 }),
      );
      expect(p < 0.05).toBe(difference.low > 0 || difference.high < 0);
    }
  });

  it('is unbounded for a single seed, and without width for two equal methods', () => {
    const single = pairedEffect(measured('single', { effect: 5, byReader: 1, seeds: 1 }));
    expect(single).toMatchObject({ p: 1, df: 0, difference: { low: Number.NEGATIVE_INFINITY } });
    expect(pairedEffect(measured('equal'))).toMatchObject({ p: 1, standardised: 0, difference: { low: 0, high: 0 } });
  });

  it('refuses seeds that measured other readers, rows twice and figures that are missing', () => {
    const rows = measured('refused', { rest: 1 });
    expect(() => pairedEffect(rows.slice(1))).toThrow('measured other readers');
    expect(() => pairedEffect([...rows, rows[7]])).toThrow('reader-7 of world 0, seed 0 is there twice');
    expect(() => pairedEffect([{ ...rows[0], ours: Number.NaN }, ...rows.slice(1)])).toThrow('no pair of figures');
    expect(() => pairedEffect([])).toThrow('no rows');
  });
});

describe('a family of claims', () => {
  const rowsOf = (claim: string, effect: number, least?: number): ClaimRow[] =>
    measured(claim, { effect, bySeed: 0.01, byReader: 0.1, rest: 0.1, readers: 400 }).map((row) => ({
      claim,
      ...row,
      ...(least === undefined ? {} : { least }),
    }));
  const rows = [
    rowsOf('gain', 0.1, 0.02),
    rowsOf('loss', -0.1),
    rowsOf('nothing', 0),
    rowsOf('small gain', 0.1, 0.3),
    rowsOf('nothing where much is claimed', 0, 0.3),
  ].flat();
  const family = ['gain', 'loss', 'nothing', 'small gain', 'nothing where much is claimed'];

  it('holds, does not hold, or cannot be told', () => {
    const judged = judgeClaims(rows, family);
    expect(judged.map(({ claim, verdict }) => [claim, verdict])).toEqual([
      ['gain', 'holds'],
      ['loss', 'does not hold'],
      ['nothing', 'cannot be told at this n'],
      ['small gain', 'does not hold'],
      ['nothing where much is claimed', 'does not hold'],
    ]);
    expect(judged[1].reason).toMatch(/^does not hold: the difference goes the other way; difference -0\.\d{4} \[/);
    expect(judged[2].reason).toContain('are missed more often than one time in five');
    expect(judged[3].reason).toContain('0.3000, the least that is claimed, is excluded');
  });

  it('counts a claim once, though it brings two hypotheses: they are not true together', () => {
    const few = (claim: string, effect: number, least?: number): ClaimRow[] =>
      measured(claim, { effect, byReader: 1, rest: 1, readers: 30 }).map((row) => ({ claim, ...row, least }));
    const both = judgeClaims([...few('a', 0.3, 0.4), ...few('b', 0.2, 0.5)], ['a', 'b']);
    const smallest = both.toSorted((a, b) => a.p - b.p)[0];
    expect(smallest.adjustedP).toBeLessThanOrEqual(2 * smallest.p);
  });

  it('says what it can detect at the strictest step: more where the family is larger', () => {
    const [alone] = judgeClaims(rowsOf('gain', 0.1), ['gain']);
    const [among] = judgeClaims(rows, family);
    expect(alone.detectable).toBeCloseTo(pairedEffect(rowsOf('gain', 0.1)).detectable, 12);
    expect(among.detectable).toBeGreaterThan(1.1 * alone.detectable);
  });

  it('is corrected for its size', () => {
    const [alone] = judgeClaims(rowsOf('gain', 0.1), ['gain']);
    const [among] = judgeClaims(rows, family);
    expect(alone.adjustedP).toBe(alone.p);
    expect(among.adjustedP).toBeGreaterThan(among.p);
  });

  it('is fixed beforehand: no claim without rows, no rows without a claim', () => {
    expect(() => judgeClaims(rows, [...family, 'forgotten'])).toThrow('claim "forgotten" has no rows');
    expect(() => judgeClaims(rows, family.slice(1))).toThrow('rows of claim "gain"');
  });
});
