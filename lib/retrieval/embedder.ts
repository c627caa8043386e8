/** Text to unit vectors: the one interface behind which the encoders stand. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CheckpointError } from '../errors.ts';
import { readSafetensors } from '../store/safetensors.ts';
import { bagEmbedder } from './bag-embedder.ts';
import { openOnnxEmbedder } from './onnx-embedder.ts';
import { createOpenaiEmbedder } from './openai-embedder.ts';

export interface Embedder {
  readonly dimensions: number;
  /** [texts × dimensions], row-major, unit rows; a text without a known word gives a row of zeros. */
  embed(texts: readonly string[]): Promise<Float32Array>;
}

/** What encoder.json says. */
export const encoderFile = z.discriminatedUnion('type', [
  z.object({ type: z.literal('trained'), dimensions: z.number().int().positive(), words: z.array(z.string()) }),
  z.object({ type: z.literal('onnx'), dimensions: z.number().int().positive() }),
  z.object({ type: z.literal('openai'), dimensions: z.number().int().positive(), model: z.string() }),
]);

/** Opens the encoder of a folder. Throws CheckpointError; ConfigError when an endpoint's address or key is not in the environment. */
export async function openEmbedder(folder: string): Promise<Embedder> {
  const parsed = encoderFile.safeParse(JSON.parse(await readFile(join(folder, 'encoder.json'), 'utf8')));
  if (!parsed.success)
    throw new CheckpointError({ path: join(folder, 'encoder.json'), problem: z.prettifyError(parsed.error) });
  const encoder = parsed.data;
  if (encoder.type === 'onnx') return openOnnxEmbedder(folder);
  if (encoder.type === 'openai') return createOpenaiEmbedder(encoder.model, encoder.dimensions, process.env);
  const vectors = readSafetensors(join(folder, 'encoder.safetensors')).get('vectors');
  if (!vectors || vectors.shape[0] !== encoder.words.length || vectors.shape[1] !== encoder.dimensions) {
    throw new CheckpointError({
      path: join(folder, 'encoder.safetensors'),
      tensor: 'vectors',
      problem: `it must hold ${encoder.words.length} words × ${encoder.dimensions}, as encoder.json says`,
    });
  }
  return bagEmbedder(encoder.words, vectors.data as Float32Array, encoder.dimensions);
}
