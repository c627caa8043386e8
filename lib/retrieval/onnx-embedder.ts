/** Any ONNX sentence encoder of the usual form: token ids in, token states (mean-pooled here) or a pooled vector out. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { CheckpointError } from '../errors.ts';
import { checkProviders, executionProviders, sessionConfiguration } from '../tensor/execution-providers.ts';
import { openTokenizer } from '../tensor/tokenizer.ts';
import { normalise } from './bag-embedder.ts';
import type { Embedder } from './embedder.ts';

const TEXTS_AT_ONCE = 32;
const LONGEST = 128;

/** Opens `model.onnx` (or onnx/model.onnx) and `tokenizer.json`. Throws CheckpointError where they do not fit the form, ConfigError where an execution provider cannot be used. */
export async function openOnnxEmbedder(folder: string): Promise<Embedder> {
  const path = [join(folder, 'model.onnx'), join(folder, 'onnx', 'model.onnx')].find(existsSync);
  if (!path)
    throw new CheckpointError({
      path: folder,
      problem: 'it has no model.onnx',
      remedy: 'export the sentence encoder to ONNX',
    });
  const tokenizer = openTokenizer(folder);
  const providers = executionProviders();
  await checkProviders(providers);
  const session = await InferenceSession.create(path, {
    executionProviders: providers,
    extra: sessionConfiguration(),
  });
  const inputs = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'];
  const foreign = session.inputNames.filter((name) => !inputs.includes(name));
  if (foreign.length > 0)
    throw new CheckpointError({
      path,
      problem: `it wants the inputs ${foreign.join(', ')}`,
      remedy: `a sentence encoder takes ${inputs.join(', ')}`,
    });
  const start = ['[CLS]', '<s>'].map((token) => tokenizer.id(token)).find((id) => id !== undefined);
  const end = ['[SEP]', '</s>'].map((token) => tokenizer.id(token)).find((id) => id !== undefined);

  const idsOf = (text: string): number[] => {
    const ids = tokenizer.encodeText(text).slice(0, LONGEST - 2);
    return [...(start === undefined ? [] : [start]), ...ids, ...(end === undefined ? [] : [end])];
  };

  const embedSome = async (texts: readonly string[]): Promise<Float32Array[]> => {
    const rows = texts.map(idsOf);
    const length = Math.max(1, ...rows.map((row) => row.length));
    const shape = [rows.length, length];
    const filled = (value: (row: number[], at: number) => number): Tensor =>
      new Tensor(
        'int64',
        BigInt64Array.from(rows.flatMap((row) => Array.from({ length }, (_, at) => BigInt(value(row, at))))),
        shape,
      );
    const feeds: Record<string, Tensor> = {
      input_ids: filled((row, at) => row[at] ?? tokenizer.padId ?? 0),
      attention_mask: filled((row, at) => (at < row.length ? 1 : 0)),
      token_type_ids: filled(() => 0),
      position_ids: filled((_, at) => at),
    };
    const results = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]])));
    const name =
      session.outputNames.find((output) => /sentence_embedding|pool/i.test(output)) ?? session.outputNames[0];
    const { data, dims } = results[name];
    const width = dims[dims.length - 1];
    return rows.map((row, i) => {
      const vector = new Float32Array(width);
      if (dims.length === 2) vector.set((data as Float32Array).subarray(i * width, (i + 1) * width));
      else
        for (let at = 0; at < row.length; at++)
          for (let d = 0; d < width; d++) vector[d] += (data as Float32Array)[(i * length + at) * width + d];
      normalise(vector);
      return vector;
    });
  };

  const [probe] = await embedSome(['a']);
  const dimensions = probe.length;
  return {
    dimensions,
    async embed(texts) {
      const out = new Float32Array(texts.length * dimensions);
      for (let from = 0; from < texts.length; from += TEXTS_AT_ONCE) {
        const vectors = await embedSome(texts.slice(from, from + TEXTS_AT_ONCE));
        vectors.forEach((vector, i) => {
          if (texts[from + i].trim() !== '') out.set(vector, (from + i) * dimensions);
        });
      }
      return out;
    },
  };
}
