import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { afterAll, describe, expect, it } from 'vitest';
import { createOpenaiEmbedder } from '../../lib/retrieval/openai-embedder.ts';
import { openEmbedder } from '../../lib/retrieval/embedder.ts';
import { openTokenizer } from '../../lib/tensor/tokenizer.ts';

const folder = mkdtempSync(join(tmpdir(), 'newshound-embedders-'));
const stops: (() => void)[] = [];
afterAll(() => {
  for (const stop of stops) stop();
});

const cosine = (vectors: Float32Array, a: number, b: number, width: number): number =>
  vectors.subarray(a * width, (a + 1) * width).reduce((sum, x, i) => sum + x * vectors[b * width + i], 0);

describe('an ONNX sentence encoder', () => {
  const models = join(import.meta.dirname, '../../models/base-xs');
  const width = 8;

  /** Looks each token's vector up in a table: ids [texts, tokens] → states [texts, tokens, 8]. */
  function tinyModel(inputName = 'input_ids'): Uint8Array {
    const rows = openTokenizer(models).vocabularySize;
    const table = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i * 12.9898) * 3);
    const value = (name: string, type: TensorProto_DataType, dims: (string | number)[]): ValueInfoProto =>
      create(ValueInfoProtoSchema, {
        name,
        type: {
          value: {
            case: 'tensorType',
            value: {
              elemType: type,
              shape: {
                dim: dims.map((n) => ({
                  value:
                    typeof n === 'string'
                      ? { case: 'dimParam' as const, value: n }
                      : { case: 'dimValue' as const, value: BigInt(n) },
                })),
              },
            },
          },
        },
      });
    return toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, {
        irVersion: 9n,
        opsetImport: [{ domain: '', version: 17n }],
        graph: create(GraphProtoSchema, {
          name: 'encoder',
          node: [create(NodeProtoSchema, { opType: 'Gather', input: ['table', inputName], output: ['states'] })],
          initializer: [
            create(TensorProtoSchema, {
              name: 'table',
              dims: [BigInt(rows), BigInt(width)],
              dataType: TensorProto_DataType.FLOAT,
              rawData: new Uint8Array(table.buffer),
            }),
          ],
          input: [value(inputName, TensorProto_DataType.INT64, ['texts', 'tokens'])],
          output: [value('states', TensorProto_DataType.FLOAT, ['texts', 'tokens', width])],
        }),
      }),
    );
  }

  it('gives unit vectors that depend neither on padding nor on who shares the batch', async () => {
    writeFileSync(join(folder, 'model.onnx'), tinyModel());
    writeFileSync(join(folder, 'encoder.json'), JSON.stringify({ type: 'onnx', dimensions: width }));
    copyFileSync(join(models, 'tokenizer.json'), join(folder, 'tokenizer.json'));
    const embedder = await openEmbedder(folder);
    expect(embedder.dimensions).toBe(width);
    const texts = ['storm surge', 'a much longer text about the storm surge on the coast', 'storm surge', '  '];
    const together = await embedder.embed(texts);
    expect(cosine(together, 0, 0, width)).toBeCloseTo(1, 5);
    expect(cosine(together, 0, 2, width)).toBeCloseTo(1, 6);
    expect([...together.subarray(3 * width)]).toEqual(Array(width).fill(0));
    const alone = await embedder.embed([texts[1]]);
    alone.forEach((x, i) => expect(x).toBeCloseTo(together[width + i], 6));
  });

  it('with inputs that no sentence encoder has, or without its files, is refused', async () => {
    writeFileSync(join(folder, 'model.onnx'), tinyModel('pixels'));
    await expect(openEmbedder(folder)).rejects.toThrow(/wants the inputs pixels.*takes input_ids/);
    rmSync(join(folder, 'model.onnx'));
    await expect(openEmbedder(folder)).rejects.toThrow(/has no model\.onnx/);
  });
});

describe('an OpenAI-compatible embedder', () => {
  type Question = { model: string; input: string[]; dimensions: number };
  async function endpoint(answer: (question: Question, to: ServerResponse, count: number) => void) {
    const questions: Question[] = [];
    const server = createServer((from: IncomingMessage, to) => {
      let body = '';
      from.on('data', (chunk) => (body += String(chunk)));
      from.on('end', () => {
        expect(from.url).toBe('/v1/embeddings');
        expect(from.headers.authorization).toBe('Bearer a-key');
        questions.push(JSON.parse(body) as Question);
        answer(questions[questions.length - 1], to, questions.length);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    stops.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const env = {
      OPENAI_API_KEY: 'a-key',
      OPENAI_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    };
    return { env, questions };
  }
  const say = (to: ServerResponse, vectors: number[][]): void => {
    to.writeHead(200, { 'content-type': 'application/json' });
    const data = vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })).toReversed();
    to.end(JSON.stringify({ object: 'list', model: 'm', data, usage: { prompt_tokens: 1, total_tokens: 1 } }));
  };

  it('asks for each text once, in whatever order the answers come, and normalises them', async () => {
    const { env, questions } = await endpoint(({ input }, to) =>
      say(
        to,
        input.map((text) => [text.length, 0, 4]),
      ),
    );
    const embedder = createOpenaiEmbedder('m', 3, env);
    const vectors = await embedder.embed(['abc', 'abc', '', 'x']);
    expect(questions).toEqual([expect.objectContaining({ model: 'm', input: ['abc', 'x'], dimensions: 3 })]);
    expect([...vectors].map((x) => Number(x.toFixed(4)))).toEqual([
      0.6, 0, 0.8, 0.6, 0, 0.8, 0, 0, 0, 0.2425, 0, 0.9701,
    ]);
    await embedder.embed(['x']);
    expect(questions).toHaveLength(1);
  });

  it('asks again when the endpoint fails for a moment, and refuses vectors of another size', async () => {
    const { env, questions } = await endpoint(({ input }, to, count) => {
      if (count === 1) return void to.writeHead(503).end();
      say(
        to,
        input.map(() => [1, 0]),
      );
    });
    expect([...(await createOpenaiEmbedder('m', 2, env).embed(['a']))]).toEqual([1, 0]);
    expect(questions).toHaveLength(2);
    await expect(createOpenaiEmbedder('m', 5, env).embed(['b'])).rejects.toThrow(
      /answers with 2 dimensions.*set it to 2/,
    );
  });

  it('without a key or a model is refused before anything is asked', () => {
    expect(() => createOpenaiEmbedder('m', 2, {})).toThrow(/OPENAI_API_KEY is not set/);
    expect(() => createOpenaiEmbedder('', 2, { OPENAI_API_KEY: 'k' })).toThrow(/index\.model is empty/);
  });
});
