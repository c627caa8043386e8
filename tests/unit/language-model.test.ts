import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CheckpointError, NumericsError } from '../../lib/errors.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../lib/store/safetensors.ts';
import { loadLanguageModel, saveLanguageModel } from '../../lib/tensor/language-model.ts';
import type { Parameters } from '../../lib/tensor/parameters.ts';

const models = `${import.meta.dirname}/../oracle/data/models`;
const names = ['llama', 'llama-untied', 'qwen2', 'qwen2-padded'];

function scratch(): string {
  return mkdtempSync(join(tmpdir(), 'language-model-'));
}

/** Names, shapes and bytes: quick to compare. */
function bytesOf(parameters: Parameters): [string, number[], string][] {
  return [...parameters].map(([name, { shape, data }]) => [
    name,
    shape,
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
  ]);
}

interface Change {
  config?: object;
  generation?: object;
  weights?: (weights: Map<string, StoredTensor>) => void;
  /** Bytes that are missing at the end of the file of weights. */
  truncate?: number;
}

/** A copy of a model with its config or weights changed. */
function changed(name: string, change: Change): string {
  const folder = scratch();
  cpSync(join(models, name), folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, ...change.config }));
  if (change.generation) writeFileSync(join(folder, 'generation_config.json'), JSON.stringify(change.generation));
  const weights = readSafetensors(folder);
  change.weights?.(weights);
  const bytes = writeSafetensors(weights);
  writeFileSync(join(folder, 'model.safetensors'), bytes.subarray(0, bytes.length - (change.truncate ?? 0)));
  return folder;
}

describe.each(names)('%s', (name) => {
  it('saved and loaded is the same model, and saved again the same bytes', () => {
    const model = loadLanguageModel(join(models, name));
    const [first, second] = [scratch(), scratch()];
    saveLanguageModel(model, first, { dtype: 'F32' });
    const again = loadLanguageModel(first);
    expect(again.config).toEqual(model.config);
    expect(bytesOf(again.parameters)).toEqual(bytesOf(model.parameters));
    expect(again.tokenizer.stopIds).toEqual(model.tokenizer.stopIds);
    expect(again.tokenizer.encodeText('city council')).toEqual(model.tokenizer.encodeText('city council'));
    saveLanguageModel(again, second, { dtype: 'F32' });
    for (const file of [
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
      'chat_template.jinja',
    ]) {
      expect(readFileSync(join(second, file)).equals(readFileSync(join(first, file))), file).toBe(true);
    }
  });

  it.each([
    ['F16', 2 ** -11],
    ['BF16', 2 ** -8],
  ] as const)('in %s loses no more than rounding', (dtype, relative) => {
    const model = loadLanguageModel(join(models, name));
    const folder = scratch();
    saveLanguageModel(model, folder, { dtype });
    const rounded = loadLanguageModel(folder);
    for (const [key, { data }] of model.parameters) {
      const other = rounded.parameters.get(key)?.data as Float32Array;
      data.forEach((value, i) => {
        if (Math.abs(value - other[i]) > relative * Math.abs(value) + 1e-7)
          expect.fail(`${key}[${i}]: ${value} ${other[i]}`);
      });
    }
  });
});

describe('a model folder', () => {
  it('is written in shards no larger than asked, with an index, and read as from one file', () => {
    const model = loadLanguageModel(join(models, 'llama'));
    const folder = scratch();
    saveLanguageModel(model, folder, { dtype: 'F32' });
    // A later model takes the place of an earlier one: nothing is left of it.
    saveLanguageModel(model, folder, { dtype: 'F32', maxShardBytes: 60_000 });
    const files = readdirSync(folder).filter((file) => file.endsWith('.safetensors'));
    const { metadata, weight_map: weightMap } = JSON.parse(
      readFileSync(join(folder, 'model.safetensors.index.json'), 'utf8'),
    );
    const names = Array.from(files, (_, i) => `model-0000${i + 1}-of-0000${files.length}.safetensors`);
    expect(files.length).toBeGreaterThan(3);
    expect(files.toSorted()).toEqual(names);
    let total = 0;
    for (const file of files) {
      const tensors = [...readSafetensors(join(folder, file))];
      const bytes = tensors.reduce((sum, [, { data }]) => sum + data.byteLength, 0);
      expect(tensors.length === 1 || bytes <= 60_000).toBe(true);
      for (const [name] of tensors) expect(weightMap[name]).toBe(file);
      total += bytes;
    }
    expect(metadata.total_size).toBe(total);
    expect(bytesOf(loadLanguageModel(folder).parameters)).toEqual(bytesOf(model.parameters));
    saveLanguageModel(model, folder, { dtype: 'F32' });
    expect(readdirSync(folder).filter((file) => file.startsWith('model'))).toEqual(['model.safetensors']);
  });

  it('keeps its begin and end tokens, what it says of generation, and its chat template', () => {
    const folder = changed('llama', {});
    writeFileSync(
      join(folder, 'generation_config.json'),
      JSON.stringify({ eos_token_id: [7, 9], temperature: 0.3, max_new_tokens: 40, transformers_version: '5.0.0' }),
    );
    const template = '{% for m in messages %}<|im_start|>{{ m.role }}: {{ m.content }}{% endfor %}';
    writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ chat_template: template }));
    rmSync(join(folder, 'chat_template.jinja'));
    const [first, again] = [loadLanguageModel(folder), scratch()];
    expect(first.tokenizer.stopIds).toEqual([7, 9, 2]);
    expect(first.tokenizer.beginId).toBe(0);
    saveLanguageModel(first, again, { dtype: 'F32' });
    expect(JSON.parse(readFileSync(join(again, 'generation_config.json'), 'utf8'))).toEqual({
      eos_token_id: [7, 9, 2],
      bos_token_id: 0,
      pad_token_id: 0,
      temperature: 0.3,
      max_new_tokens: 40,
      transformers_version: '5.0.0',
    });
    const second = loadLanguageModel(again);
    expect(second.tokenizer.stopIds).toEqual([7, 9, 2]);
    const messages = [{ role: 'user' as const, content: 'rail strike' }];
    expect(second.tokenizer.chat?.(messages)).toEqual(first.tokenizer.chat?.(messages));
    expect(first.tokenizer.decode(first.tokenizer.chat?.(messages) ?? [])).toBe('<|im_start|>user: rail strike');
  });

  it.each([
    [
      'a missing weight',
      { weights: (w: Map<string, StoredTensor>) => w.delete('model.norm.weight') },
      /1 weights are missing \(model\.norm\.weight\)/,
    ],
    [
      'a weight of another architecture',
      {
        weights: (w: Map<string, StoredTensor>) =>
          w.set('model.layers.0.self_attn.q_norm.weight', { dtype: 'F32', shape: [1], data: Float32Array.of(1) }),
      },
      /1 weights are not of this architecture .*q_norm/,
    ],
    ['a truncated file of weights', { truncate: 1000 }, /model\.safetensors.*truncated/],
    ['another shape', { config: { intermediate_size: 100 } }, /9 weights have another shape .*should be \[100,48\]/],
    ['an unknown architecture', { config: { model_type: 'mamba' } }, /model_type "mamba" is not supported/],
    [
      'scaled rotary embeddings',
      { config: { rope_parameters: { rope_type: 'llama3', rope_theta: 1e4 } } },
      /rope type "llama3"/,
    ],
    [
      'a table smaller than the tokenizer',
      { config: { vocab_size: 500 } },
      /tokenizer has 512 ids, its embedding table 500 rows/,
    ],
    [
      'weights that are integers',
      {
        weights: (w: Map<string, StoredTensor>) =>
          w.set('model.norm.weight', { dtype: 'I32', shape: [48], data: new Int32Array(48) }),
      },
      /tensor model\.norm\.weight: it holds I32/,
    ],
    [
      'another output table than the one that it is tied to',
      {
        weights: (w: Map<string, StoredTensor>) => {
          const table = w.get('model.embed_tokens.weight') as StoredTensor;
          w.set('lm_head.weight', { ...table, data: (table.data as Float32Array).map((x) => -x) });
        },
      },
      /tie_word_embeddings is true, but its lm_head\.weight is not its model\.embed_tokens\.weight/,
    ],
    [
      'a tie that is no flag',
      { config: { tie_word_embeddings: 'true' } },
      /tie_word_embeddings must be true or false, it is "true"/,
    ],
    [
      'an end token outside the table',
      { generation: { eos_token_id: [9999, 2] } },
      /eos_token_id 9999 is outside its embedding table of 512 rows/,
    ],
  ])('with %s is refused in one message', (_, change, message) => {
    const load = (): unknown => loadLanguageModel(changed('llama', change as Change));
    expect(load).toThrow(CheckpointError);
    expect(load).toThrow(message);
  });

  it('may hold a copy of tied embeddings and buffers of older Transformers', () => {
    const folder = changed('llama', {
      weights: (weights) => {
        weights.set('lm_head.weight', weights.get('model.embed_tokens.weight') as StoredTensor);
        weights.set('model.layers.0.self_attn.rotary_emb.inv_freq', {
          dtype: 'F32',
          shape: [6],
          data: new Float32Array(6),
        });
      },
    });
    expect(loadLanguageModel(folder).parameters.size).toBe(loadLanguageModel(join(models, 'llama')).parameters.size);
  });

  it('that is empty or half there is refused', () => {
    expect(() => loadLanguageModel(scratch())).toThrow(/has no config\.json/);
    const folder = scratch();
    cpSync(join(models, 'llama', 'config.json'), join(folder, 'config.json'));
    expect(() => loadLanguageModel(folder)).toThrow(/has no tokenizer\.json/);
    cpSync(join(models, 'llama', 'tokenizer.json'), join(folder, 'tokenizer.json'));
    expect(() => loadLanguageModel(folder)).toThrow(/neither model\.safetensors nor/);
  });

  it('is not written when a weight does not fit the format', () => {
    const model = loadLanguageModel(join(models, 'llama'));
    const parameters = new Map(model.parameters);
    parameters.set('model.norm.weight', { shape: [48], data: new Float32Array(48).fill(1e6) });
    const folder = join(scratch(), 'model');
    expect(() => saveLanguageModel({ ...model, parameters }, folder, { dtype: 'F16' })).toThrow(NumericsError);
    expect(existsSync(folder)).toBe(false);
    saveLanguageModel({ ...model, parameters }, folder, { dtype: 'BF16' });
  });
});
