/**
 * What other programs make of what we write, and we of what they write. None of them is a dependency of ours: name where they are, or the
 * tests are skipped. NEWSHOUND_PYTHON: Python interpreters, with `:` between them, that have transformers and torch, or onnxruntime-genai;
 * NEWSHOUND_TRANSFORMERS_JS: a folder in which @huggingface/transformers is installed.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FloatDtype, readSafetensors, writeSafetensors } from '../../../lib/store/safetensors.ts';
import { createDecoder } from '../../../lib/tensor/decoder.ts';
import { type LanguageModel, loadLanguageModel, saveLanguageModel } from '../../../lib/tensor/language-model.ts';
import { logitsOf } from '../../forward.ts';
import { publishLanguageModel } from '../../../lib/tensor/published-model.ts';
import { Random } from '../../../lib/random.ts';
import { largestError, numbersOf } from '../comparison.ts';

const here = import.meta.dirname;
const models = join(here, '../data/models');
const pythons = (process.env.NEWSHOUND_PYTHON ?? '').split(':').filter((path) => path !== '');
const transformersJs = process.env.NEWSHOUND_TRANSFORMERS_JS;
const transformers = pythonWith('transformers, torch, safetensors');
const genai = pythonWith('onnxruntime_genai');

if (!transformers || !genai || !transformersJs) {
  const absent = { transformers, 'onnxruntime-genai': genai, 'transformers.js': transformersJs };
  const names = Object.entries(absent).flatMap(([name, found]) => (found ? [] : [name]));
  console.warn(
    `SKIPPED: ${names.join(', ')} not found, so what they make of our models is not tested here. See the head of tests/oracle/consumers/consumers.test.ts`,
  );
}

const text = 'city council votes on the harbour, 2026';
const messages = [
  { role: 'system', content: 'Write queries.' },
  { role: 'user', content: 'rail strike' },
] as const;

describe.skipIf(!transformers)('Transformers', () => {
  it('loads every kind of model that we write, with our logits, tokens and chat', { timeout: 300_000 }, async () => {
    const kinds: [string, FloatDtype, number][] = [
      ['llama', 'F32', 2e9],
      ['llama-untied', 'F32', 60_000],
      ['qwen2', 'BF16', 50_000],
      ['qwen2-padded', 'F16', 2e9],
    ];
    const expected: Record<string, { dtype: string; ends: unknown; text: number[]; chat: number[] }> = {};
    const folders: string[] = [];
    for (const [name, dtype, maxShardBytes] of kinds) {
      const folder = join(scratch(), name);
      saveLanguageModel(loadLanguageModel(join(models, name)), folder, { dtype, maxShardBytes });
      const model = loadLanguageModel(folder);
      const { tokenizer } = model;
      writeFileSync(join(folder, 'expected.safetensors'), writeSafetensors(await expectedLogits(model)));
      writeFileSync(join(folder, 'expected.json'), JSON.stringify({ text, messages }));
      const [end, ...others] = tokenizer.stopIds;
      expected[name] = {
        dtype: { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }[dtype],
        ends: others.length === 0 ? end : tokenizer.stopIds,
        text: tokenizer.encodeText(text),
        chat: tokenizer.chat?.(messages) ?? [],
      };
      folders.push(folder);
    }
    const found = runScript(transformers as string, ['with_transformers.py', 'read', ...folders]) as Record<
      string,
      { error: number }
    >;
    for (const [name] of kinds) {
      const { error, ...rest } = found[name];
      expect(error, name).toBeLessThan(2e-4);
      expect(rest).toEqual({ ...expected[name], unexpected: [] });
    }
  });

  it('writes models that we read, with its logits', { timeout: 300_000 }, async () => {
    const folder = scratch();
    const names = runScript(transformers as string, ['with_transformers.py', 'write', folder]) as string[];
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) {
      copyFileSync(join(models, 'llama', 'tokenizer.json'), join(folder, name, 'tokenizer.json'));
      const forward = readSafetensors(join(folder, name, 'forward.safetensors'));
      const ids = numbersOf(forward, 'ids');
      const own = await logitsOf(loadLanguageModel(join(folder, name)), [ids.slice(0, 16), ids.slice(16)]);
      expect(largestError(own, numbersOf(forward, 'logits')).absolute, name).toBeLessThan(2e-4);
    }
  });
});

describe.each(['llama', 'qwen2-padded'])('the published %s', (name) => {
  const check = async (run: (folder: string, prompts: string) => unknown): Promise<void> => {
    const model = loadLanguageModel(join(models, name));
    const folder = join(scratch(), name);
    publishLanguageModel(model, folder, { dtype: 'F32', onnx: true });
    const random = new Random('consumers');
    const ids = [9, 30, 1].map((length) => Array.from({ length }, () => 3 + random.integer(500)));
    const prompts = join(folder, 'prompts.json');
    writeFileSync(prompts, JSON.stringify({ ids, tokens: 12, text }));
    const decoder = createDecoder(model, { threads: 1 });
    const lists = await decoder.generate({
      prompts: ids.map((prompt) => Int32Array.from(prompt)),
      samples: 1,
      temperature: 0,
      topK: 0,
      topP: 1,
      minP: 0,
      maxTokens: 12,
      stopIds: model.tokenizer.stopIds,
      key: (prompt) => [prompt],
    });
    await decoder.release();
    expect(run(folder, prompts)).toEqual({
      lists: lists.map(([{ tokens }]) => Array.from(tokens)),
      text: model.tokenizer.encodeText(text),
    });
  };

  it.skipIf(!genai)('goes on with prompts in onnxruntime-genai as it does here', () =>
    check((folder, prompts) => runScript(genai as string, ['with_genai.py', folder, prompts])),
  );

  it.skipIf(!transformersJs)('goes on with prompts in transformers.js as it does here', () =>
    check((folder, prompts) =>
      runScript(process.execPath, ['with-transformers.mjs', transformersJs as string, folder, prompts]),
    ),
  );
});

function scratch(): string {
  return mkdtempSync(join(tmpdir(), 'consumers-'));
}

/** The first interpreter that can import these modules. */
function pythonWith(modules: string): string | undefined {
  return pythons.find((python) => spawnSync(python, ['-c', `import ${modules}`]).status === 0);
}

/** The JSON on the last line of what a script of this folder prints. */
function runScript(program: string, [script, ...rest]: readonly string[]): unknown {
  const { status, stdout, stderr } = spawnSync(program, [join(here, script), ...rest], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script} failed: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string);
}

async function expectedLogits(model: LanguageModel): Promise<Parameters<typeof writeSafetensors>[0]> {
  const random = new Random('expected logits');
  const texts = [0, 1].map(() => Array.from({ length: 16 }, () => random.integer(500)));
  const logits = await logitsOf(model, texts);
  return new Map([
    ['ids', { dtype: 'I64', shape: [2, 16], data: BigInt64Array.from(texts.flat(), BigInt) }],
    ['logits', { dtype: 'F32', shape: [2, 16, model.config.vocabularySize], data: logits }],
  ]);
}
