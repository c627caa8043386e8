import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { comparisonsOf, partNames } from '../../bench/comparisons.ts';
import { writeGguf } from '../../bench/gguf.ts';
import { disagreement, speedups, spreadOf } from '../../bench/pairs.ts';
import { batchOf } from '../../bench/workload.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';

describe('what is measured', () => {
  it('is a median with its range; an even number of turns has the mean of the middle two', () => {
    expect(spreadOf([5, 1, 3])).toEqual({ median: 3, low: 1, high: 5 });
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, low: 1, high: 4 });
    expect(() => spreadOf([])).toThrow(RangeError);
  });

  it('is compared turn by turn, so that a slow minute slows both sides of a ratio', () => {
    expect(speedups([1, 10, 2], [2, 20, 4])).toEqual({ median: 2, low: 2, high: 2 });
  });

  it('is no comparison when the sides differ, and the first difference is named', () => {
    const tolerances = { loss: { absolute: 1e-5 }, tokens: {} };
    const ours = { loss: [8.1, 8.0], tokens: [1, 2] };
    expect(disagreement(ours, { loss: [8.100001, 8.0], tokens: [1, 2] }, tolerances)).toBeNull();
    expect(disagreement(ours, { loss: [8.1, 8.1], tokens: [1, 2] }, tolerances)).toMatch(/loss\[1\] is 8 .* 8\.1/);
    expect(disagreement(ours, { loss: [8.1, 8.0], tokens: [1, 3] }, tolerances)).toMatch(/tokens\[1\]/);
    expect(disagreement(ours, { loss: [8.1, 8.0] }, tolerances)).toMatch(/tokens: 2 numbers are ours, 0/);
    expect(disagreement(ours, { loss: [Number.NaN, 8.0], tokens: [1, 2] }, tolerances)).toMatch(/loss\[0\]/);
  });

  it('has a program for every peer, and the same batch for everyone who asks', () => {
    const comparisons = partNames.flatMap((part) => comparisonsOf(part, 2));
    for (const { against, job, flops } of comparisons) {
      expect(flops).toBeGreaterThan(0);
      for (const { program } of Object.values(against)) {
        expect(existsSync(join(import.meta.dirname, '../../bench/peers', program))).toBe(true);
      }
      expect(batchOf(job, 4096)).toEqual(batchOf(job, 4096));
    }
    expect(new Set(comparisons.map(({ title }) => title)).size).toBe(comparisons.length);
  });
});

describe('a GGUF file', () => {
  const model = loadLanguageModel(join(import.meta.dirname, '../oracle/data/models/llama'));
  const bytes = Buffer.from(writeGguf(model));

  it('starts as the format says and holds every weight', () => {
    expect(bytes.toString('latin1', 0, 4)).toBe('GGUF');
    expect(bytes.readUInt32LE(4)).toBe(3);
    expect(Number(bytes.readBigUInt64LE(8))).toBe(model.parameters.size);
  });

  it('turns the rows of queries from halves to neighbours, and leaves values as they are', () => {
    const { headDim, hiddenSize } = model.config;
    const floats = (name: string): Float32Array | undefined => model.parameters.get(name)?.data;
    const [query, value] = ['q', 'v'].map((which) => floats(`model.layers.0.self_attn.${which}_proj.weight`));
    const row = (of: Float32Array | undefined, index: number): Buffer =>
      Buffer.from(new Uint8Array(of?.slice(index * hiddenSize, (index + 1) * hiddenSize).buffer ?? new ArrayBuffer(0)));
    const at = bytes.indexOf(row(query, 0));
    expect(at).toBeGreaterThan(0);
    expect(bytes.indexOf(row(query, headDim / 2))).toBe(at + 4 * hiddenSize);
    expect(bytes.indexOf(row(query, 1))).toBe(at + 2 * 4 * hiddenSize);
    expect(bytes.indexOf(row(value, 1))).toBe(bytes.indexOf(row(value, 0)) + 4 * hiddenSize);
  });
});
