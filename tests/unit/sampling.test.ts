import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumericsError } from '../../lib/errors.ts';
import {
  drawToken,
  type Filters,
  filterProbabilities,
  greedyToken,
  penalizeRepetition,
  probabilitiesOf,
  restricted,
} from '../../lib/tensor/sampling.ts';

const all: Filters = { topK: 0, topP: 1, minP: 0 };
const logits = fc.float32Array({ minLength: 1, maxLength: 40, min: -20, max: 20, noNaN: true });
const filters = fc.record({
  topK: fc.nat(10),
  topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
  minP: fc.double({ min: 0, max: 0.9, noNaN: true }),
});
const uniform = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('a draw', () => {
  it('falls on a kept token, with its log-probability among the kept', () => {
    fc.assert(
      fc.property(logits, filters, uniform, (row, narrow, u) => {
        const probabilities = probabilitiesOf(row, 0.7);
        const { token, logprob } = drawToken(probabilities, narrow, u);
        const kept = filterProbabilities(probabilities, narrow);
        expect(kept[token]).toBeGreaterThan(0);
        expect(Math.exp(logprob)).toBeCloseTo(kept[token], 5);
      }),
    );
  });

  it('gives each token the share of uniforms that is its probability', () => {
    const draws = 20_000;
    fc.assert(
      fc.property(logits, filters, (row, narrow) => {
        const probabilities = probabilitiesOf(row, 1);
        const counts = new Float64Array(row.length);
        for (let i = 0; i < draws; i++) counts[drawToken(probabilities, narrow, (i + 0.5) / draws).token]++;
        const kept = filterProbabilities(probabilities, narrow);
        counts.forEach((count, token) => expect(Math.abs(count / draws - kept[token])).toBeLessThan(2 / draws + 1e-6));
      }),
      { numRuns: 20 },
    );
  });

  it('falls on the last possible token when rounding leaves a uniform near 1 over', () => {
    expect(drawToken(Float32Array.of(0.5, 0.4999, 0), all, 0.99999999).token).toBe(1);
  });

  it('is refused when logits are not finite', () => {
    const broken = Float32Array.of(Number.NaN, Number.NaN);
    expect(() => drawToken(broken, all, 0.5)).toThrow(NumericsError);
    expect(() => greedyToken(broken)).toThrow(NumericsError);
  });
});

describe('a restriction', () => {
  it('keeps the proportions of what is allowed, with mass 1', () => {
    fc.assert(
      fc.property(logits, fc.array(fc.nat(1), { minLength: 1, maxLength: 50 }), (row, bits) => {
        const allowed = Uint8Array.from(bits).fill(1, 0, 1);
        const probabilities = probabilitiesOf(row, 1);
        const kept = restricted(probabilities.map(Math.log), allowed);
        expect(kept.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
        const mass = probabilities.filter((_, i) => allowed[i] === 1).reduce((a, b) => a + b, 0);
        kept.forEach((p, i) => expect(p).toBeCloseTo(allowed[i] === 1 ? probabilities[i] / mass : 0, 5));
      }),
    );
  });

  it('is exact where what is allowed has no probability that float32 can hold, and refuses what is not finite', () => {
    const [, one, two] = restricted(Float32Array.of(0, -200, -201), Uint8Array.of(0, 1, 1));
    expect(one).toBeCloseTo(1 / (1 + Math.exp(-1)), 6);
    expect(one + two).toBeCloseTo(1, 6);
    expect(() => restricted(Float32Array.of(Number.NaN, 1), Uint8Array.of(1, 1))).toThrow(NumericsError);
    expect(() => restricted(Float32Array.of(Number.NaN, 1), Uint8Array.of(1, 0))).toThrow(NumericsError);
    expect(() => restricted(Float32Array.of(0, 0), Uint8Array.of(0, 0, 1))).toThrow(RangeError);
  });
});

describe('filters', () => {
  it('keep mass 1, and the most probable token always', () => {
    fc.assert(
      fc.property(logits, filters, (row, narrow) => {
        const probabilities = probabilitiesOf(row, 1);
        const kept = filterProbabilities(probabilities, narrow);
        expect(kept.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
        expect(kept[greedyToken(probabilities).token]).toBeGreaterThan(0);
      }),
    );
  });

  it('keep what a sort of all tokens would keep', () => {
    const narrow = fc.record({ topK: fc.nat(60), topP: fc.constantFrom(0.3, 0.9, 0.99, 1) });
    fc.assert(
      fc.property(logits, narrow, (row, { topK, topP }) => {
        const probabilities = probabilitiesOf(row, 1);
        const least = topK > 0 && topK < row.length ? probabilities.toSorted()[row.length - topK] : 0;
        const offered = probabilities.map((p) => (p >= least ? p : 0));
        const order = [...offered.keys()]
          .sort((a, b) => offered[a] - offered[b] || b - a)
          .filter((i) => offered[i] > 0);
        const mayGo = topP < 1 ? (1 - topP) * offered.reduce((a, b) => a + b, 0) : -1;
        let gone = 0;
        const weights = order.map((i) => (gone += offered[i]));
        // At the very border rounding decides.
        fc.pre(weights.every((weight) => Math.abs(weight - mayGo) > 1e-9));
        const left = order.filter((_, at) => weights[at] > mayGo || at === order.length - 1);
        const kept = filterProbabilities(probabilities, { ...all, topK, topP });
        expect([...kept.keys()].filter((i) => kept[i] > 0)).toEqual(left.sort((a, b) => a - b));
      }),
    );
  });

  it('top-k keeps k tokens, and those as probable as the last of them', () => {
    const kept = filterProbabilities(Float32Array.of(0.1, 0.4, 0.1, 0.3, 0.1), { ...all, topK: 3 });
    expect(Array.from(kept, (p) => p > 0)).toEqual([true, true, true, true, true]);
    const two = filterProbabilities(Float32Array.of(0.1, 0.4, 0.2, 0.3), { ...all, topK: 2 });
    expect(Array.from(two, (p) => p > 0)).toEqual([false, true, false, true]);
  });

  it('top-p keeps the fewest tokens that reach the mass', () => {
    fc.assert(
      fc.property(logits, fc.double({ min: 0.05, max: 0.95, noNaN: true }), (row, topP) => {
        const probabilities = probabilitiesOf(row, 1);
        const kept = filterProbabilities(probabilities, { ...all, topP });
        const mass = probabilities.filter((_, i) => kept[i] > 0).toSorted();
        const total = mass.reduce((a, b) => a + b, 0);
        expect(total).toBeGreaterThan(topP - 1e-5);
        expect(total - mass[0]).toBeLessThan(topP + 1e-5);
      }),
    );
  });

  it('a repetition penalty makes what occurred less probable, once however often it occurred', () => {
    const row = Float32Array.of(2, -2, 1);
    expect(penalizeRepetition(row, [0, 1, 0], 2)).toEqual(Float32Array.of(1, -4, 1));
    expect(row).toEqual(Float32Array.of(2, -2, 1));
  });
});
