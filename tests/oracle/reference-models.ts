/** Models and tensors of tests/oracle/data. */
import { readFileSync } from 'node:fs';
import { asFloat32, readSafetensors, type StoredTensor } from '../../lib/store/safetensors.ts';
import { type ModelConfig, parseModelConfig } from '../../lib/tensor/language-model-config.ts';
import type { Parameters } from '../../lib/tensor/parameters.ts';

export const dataFolder = new URL('data/', import.meta.url).pathname;

export function readModel(name: string): { config: ModelConfig; parameters: Parameters } {
  const folder = `${dataFolder}models/${name}`;
  const stored = readSafetensors(`${folder}/model.safetensors`);
  return {
    config: parseModelConfig(JSON.parse(readFileSync(`${folder}/config.json`, 'utf8')), folder),
    parameters: new Map([...stored].map(([key, t]) => [key, { shape: t.shape, data: asFloat32(t, key, folder) }])),
  };
}

/** One tensor as plain numbers. */
export function numbersOf(tensors: ReadonlyMap<string, StoredTensor>, name: string): number[] {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`the reference has no ${name}`);
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** The rows of a [rows, width] tensor, each cut to where its mask is 1. */
export function maskedRows(values: readonly number[], mask: readonly number[], width: number): number[][] {
  return Array.from({ length: values.length / width }, (_, row) =>
    values.slice(row * width, (row + 1) * width).filter((_, i) => mask[row * width + i] === 1),
  );
}

/** Largest absolute difference, and the same relative to the largest expected entry. */
export function largestError(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): { absolute: number; relative: number } {
  let absolute = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    absolute = Math.max(absolute, Math.abs(actual[i] - expected[i]));
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  if (actual.length !== expected.length) absolute = Number.POSITIVE_INFINITY;
  return { absolute, relative: absolute / largest };
}
