/** Embeddings of any OpenAI-compatible endpoint. Texts are asked for once for as long as the process lives. */
import OpenAI from 'openai';
import { ConfigError } from '../errors.ts';
import { normalise } from './bag-embedder.ts';
import type { Embedder } from './embedder.ts';

const TEXTS_AT_ONCE = 128;
const REMEMBERED = 200_000;

/** Reads OPENAI_BASE_URL and OPENAI_API_KEY. Throws ConfigError; an endpoint's refusal or a wrong size comes as its own error. */
export function createOpenaiEmbedder(
  model: string,
  dimensions: number,
  env: Readonly<Record<string, string | undefined>>,
): Embedder {
  const apiKey = env['OPENAI_API_KEY'];
  if (!apiKey) throw new ConfigError('index.encoder is openai, but OPENAI_API_KEY is not set');
  if (model === '') throw new ConfigError('index.encoder is openai, but index.model is empty: name the model');
  const client = new OpenAI({ apiKey, baseURL: env['OPENAI_BASE_URL'] || undefined, maxRetries: 6, timeout: 60_000 });
  const known = new Map<string, Float32Array>();

  const ask = async (texts: string[]): Promise<void> => {
    const { data } = await client.embeddings.create({ model, input: texts, dimensions, encoding_format: 'float' });
    for (const { index, embedding } of data) {
      if (embedding.length !== dimensions) {
        throw new ConfigError(
          `${model} answers with ${embedding.length} dimensions, index.dimensions is ${dimensions}: set it to ${embedding.length}`,
        );
      }
      const vector = Float32Array.from(embedding);
      normalise(vector);
      known.set(texts[index], vector);
    }
  };

  return {
    dimensions,
    async embed(texts) {
      const fresh = [...new Set(texts)].filter((text) => text.trim() !== '' && !known.has(text));
      for (let start = 0; start < fresh.length; start += TEXTS_AT_ONCE)
        await ask(fresh.slice(start, start + TEXTS_AT_ONCE));
      const out = new Float32Array(texts.length * dimensions);
      texts.forEach((text, i) => out.set(known.get(text) ?? new Float32Array(dimensions), i * dimensions));
      for (const oldest of known.keys()) {
        if (known.size <= REMEMBERED) break;
        known.delete(oldest);
      }
      return out;
    },
  };
}
