import { existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { type LanguageModel, loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { parseModelConfig } from '../../lib/tensor/language-model-config.ts';
import { initialParameters } from '../../lib/tensor/llama.ts';
import { logitsOf } from '../forward.ts';
import { exportPorts, writeOnnxModel } from '../../lib/tensor/onnx-export.ts';

type Model = Pick<LanguageModel, 'config' | 'parameters'>;

const folder = `${import.meta.dirname}/../oracle/data/models`;
const stretched = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 64,
};
const models: [string, Model][] = [
  ...['llama', 'llama-untied', 'qwen2', 'qwen2-padded'].map((name): [string, Model] => [
    name,
    loadLanguageModel(join(folder, name)),
  ]),
  ['llama with biases everywhere and wide heads', biased()],
  ['llama with longer positions', biased({ rope_scaling: stretched })],
];

const random = new Random('onnx export test');
const tokens = (length: number): number[] => Array.from({ length }, () => random.integer(500));

function biased(more: object = {}): Model {
  const source = {
    model_type: 'llama',
    vocab_size: 512,
    hidden_size: 48,
    intermediate_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 6,
    num_key_value_heads: 3,
    head_dim: 10,
    attention_bias: true,
    mlp_bias: true,
    rope_theta: 5e5,
    ...more,
  };
  const config = parseModelConfig(source, 'config.json');
  const parameters = initialParameters(config, 7);
  const numbers = new Random('biases');
  for (const [name, { data }] of parameters) {
    if (name.endsWith('bias')) for (let i = 0; i < data.length; i++) data[i] = numbers.normal(0, 0.3);
  }
  return { config, parameters };
}

function written(model: Model, largestFile?: number): string {
  const path = join(mkdtempSync(join(tmpdir(), 'onnx-export-')), 'onnx', 'model.onnx');
  writeOnnxModel(model, path, { largestFile });
  return path;
}

const int64 = (rows: readonly (readonly number[])[]): ort.Tensor =>
  new ort.Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0].length]);

type Cache = Record<string, ort.Tensor>;

function emptyCache({ config }: Model, batch: number): Cache {
  const names = exportPorts(config).inputs.flatMap(({ name }) => (name.startsWith('past') ? name : []));
  const empty = (): ort.Tensor =>
    new ort.Tensor('float32', new Float32Array(), [batch, config.keyValueHeads, 0, config.headDim]);
  return Object.fromEntries(names.map((name) => [name, empty()]));
}

function grown(outputs: Readonly<Record<string, ort.Tensor>>): Cache {
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, value]) =>
      name.startsWith('present') ? [[name.replace('present', 'past_key_values'), value]] : [],
    ),
  );
}

function largest(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let most = 0;
  for (let i = 0; i < expected.length; i++) most = Math.max(most, Math.abs(actual[i] - expected[i]));
  return most;
}

describe.each(models)('%s as ONNX', (_, model) => {
  it('has our logits, read at once', async () => {
    const session = await ort.InferenceSession.create(written(model));
    const ids = tokens(23);
    const { logits, ...present } = await session.run({
      input_ids: int64([ids]),
      attention_mask: int64([ids.map(() => 1)]),
      position_ids: int64([[...ids.keys()]]),
      ...emptyCache(model, 1),
    });
    expect(logits.dims).toEqual([1, 23, model.config.vocabularySize]);
    expect(present['present.0.key'].dims).toEqual([1, model.config.keyValueHeads, 23, model.config.headDim]);
    expect(largest(logits.data as Float32Array, await logitsOf(model, [ids]))).toBeLessThan(2e-4);
  });

  it('has our logits, read in parts and token by token through its cache', async () => {
    const session = await ort.InferenceSession.create(written(model));
    const ids = tokens(20);
    const own = await logitsOf(model, [ids]);
    let cache = emptyCache(model, 1);
    let read = 0;
    for (const size of [5, 7, ...Array<number>(8).fill(1)]) {
      const { logits, ...rest } = await session.run({
        input_ids: int64([ids.slice(read, read + size)]),
        attention_mask: int64([Array<number>(read + size).fill(1)]),
        position_ids: int64([Array.from({ length: size }, (__, i) => read + i)]),
        ...cache,
      });
      const width = model.config.vocabularySize;
      const expected = own.subarray(read * width, (read + size) * width);
      expect(largest(logits.data as Float32Array, expected)).toBeLessThan(2e-4);
      cache = grown(rest);
      read += size;
    }
    expect(read).toBe(20);
  });

  it('reads texts of unequal length together, padded on the left, and goes on with them', async () => {
    const session = await ort.InferenceSession.create(written(model));
    const texts = [tokens(12), tokens(7), tokens(1)];
    const next = tokens(3);
    const padding = texts.map(({ length }) => Array<number>(12 - length).fill(0));
    const mask = texts.map(({ length }, i) => [...padding[i], ...Array<number>(length).fill(1)]);
    const first = await session.run({
      input_ids: int64(texts.map((text, i) => [...padding[i], ...text])),
      attention_mask: int64(mask),
      position_ids: int64(texts.map((text, i) => [...padding[i], ...text.keys()])),
      ...emptyCache(model, 3),
    });
    const second = await session.run({
      input_ids: int64(next.map((id) => [id])),
      attention_mask: int64(mask.map((row) => [...row, 1])),
      position_ids: int64(texts.map(({ length }) => [length])),
      ...grown(first),
    });
    const width = model.config.vocabularySize;
    for (const [i, text] of texts.entries()) {
      const own = await logitsOf(model, [[...text, next[i]]]);
      const read = (first.logits.data as Float32Array).subarray(
        (i * 12 + 12 - text.length) * width,
        (i + 1) * 12 * width,
      );
      const after = (second.logits.data as Float32Array).subarray(i * width, (i + 1) * width);
      expect(largest([...read, ...after], own)).toBeLessThan(2e-4);
    }
  });
});

describe('an exported model', () => {
  const [, model] = models[0];

  it('keeps its weights in a file beside it where they are too large for one, with the same logits', async () => {
    const [one, two] = [written(model), written(model, 1000)];
    expect(existsSync(`${one}_data`)).toBe(false);
    expect(statSync(two).size).toBeLessThan(statSync(`${two}_data`).size);
    const ids = tokens(9);
    const logits = await Promise.all(
      [one, two].map(async (path) => {
        const session = await ort.InferenceSession.create(path);
        const outputs = await session.run({
          input_ids: int64([ids]),
          attention_mask: int64([ids.map(() => 1)]),
          position_ids: int64([[...ids.keys()]]),
          ...emptyCache(model, 1),
        });
        return outputs.logits.data;
      }),
    );
    expect(logits[1]).toEqual(logits[0]);
  });

  it('is made of standard operators alone, with the weights under their names, and the same bytes each time', () => {
    const path = written(model);
    const { graph } = fromBinary(ModelProtoSchema, readFileSync(path));
    expect(graph?.node.every(({ domain }) => domain === '')).toBe(true);
    const names = new Set(graph?.initializer.map(({ name }) => name));
    for (const name of model.parameters.keys()) expect(names).toContain(name);
    expect(readFileSync(written(model)).equals(readFileSync(path))).toBe(true);
  });
});
