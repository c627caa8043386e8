import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadLanguageModel, saveLanguageModel } from '../../lib/tensor/language-model.ts';
import { publishLanguageModel } from '../../lib/tensor/published-model.ts';

const model = loadLanguageModel(`${import.meta.dirname}/../oracle/data/models/llama`);

function published(settings: Partial<Parameters<typeof publishLanguageModel>[2]>): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'published-')), 'student');
  publishLanguageModel(model, folder, { dtype: 'F32', onnx: true, ...settings });
  return folder;
}

const filesIn = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();
const json = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

describe('a published model', () => {
  it('is the saved folder to the byte, with ONNX beside it', () => {
    const [folder, saved] = [published({}), mkdtempSync(join(tmpdir(), 'saved-'))];
    saveLanguageModel(model, saved, { dtype: 'F32' });
    for (const name of filesIn(saved))
      expect(readFileSync(join(folder, name)).equals(readFileSync(join(saved, name))), name).toBe(true);
    expect(filesIn(folder).filter((name) => !filesIn(saved).includes(name))).toEqual([
      'genai_config.json',
      'onnx',
      'onnx/model.onnx',
    ]);
    expect(filesIn(published({ onnx: false }))).toEqual(filesIn(saved));
  });

  it('tells onnxruntime-genai its sizes, its file and its end', () => {
    const { model: told } = json(published({}), 'genai_config.json');
    expect([told.type, told.vocab_size, told.context_length, told.eos_token_id]).toEqual(['llama', 512, 128, 2]);
    expect([told.decoder.filename, told.decoder.num_hidden_layers]).toEqual(['onnx/model.onnx', 3]);
  });

  it('tells transformers.js of weights that lie in a file of their own', () => {
    expect(json(published({}), 'config.json')['transformers.js_config']).toBeUndefined();
    const folder = published({ largestFile: 1000 });
    expect(filesIn(folder)).toContain('onnx/model.onnx_data');
    expect(json(folder, 'config.json')['transformers.js_config']).toEqual({ use_external_data_format: true });
    expect(loadLanguageModel(folder).config).toEqual(model.config);
  });

  it('has its weights in the type that was asked for', () => {
    const folder = published({ dtype: 'BF16', maxShardBytes: 60_000 });
    expect(json(folder, 'config.json').dtype).toBe('bfloat16');
    expect(filesIn(folder)).toContain('model.safetensors.index.json');
  });
});
