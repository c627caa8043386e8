import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '../../lib/errors.ts';
import { type Fetched, fetchModel } from '../../lib/store/hub.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';

const source = join(import.meta.dirname, '../oracle/data/models/llama');
const commit = '0123456789abcdef0123456789abcdef01234567';

/** How a hub behaves besides being one. */
interface Manners {
  /** Answers of a large file break off after so many bytes. */
  breaksAfter?: number;
  /** Never answers with a part. */
  ignoresRange?: boolean;
  /** Of the first requests for a file. */
  status?: number[];
  /** Only for who shows this. */
  token?: string;
  /** Sends other bytes than it promised. */
  lies?: boolean;
  /** Answers so where it is asked for the files. */
  listing?: string;
}

let server: Server | undefined;
afterEach(() => server?.close());

/** A real HTTP server with the API of the hub, which serves the oracle's llama and a file that no model needs. */
async function hub(manners: Manners = {}): Promise<{ endpoint: string; asked: string[] }> {
  const asked: string[] = [];
  const failures = [...(manners.status ?? [])];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const url = request.url as string;
    asked.push(`${url}${request.headers.range ? ` ${request.headers.range}` : ''}`);
    if (manners.token && request.headers.authorization !== `Bearer ${manners.token}`)
      return void response.writeHead(401).end();
    if (url === '/api/models/some/llama/revision/main?blobs=true') {
      if (manners.listing !== undefined) return void response.end(manners.listing);
      const siblings = [...readdirSync(source), 'pytorch_model.bin'].map((rfilename) => siblingOf(rfilename));
      return void response.end(JSON.stringify({ sha: commit, siblings }));
    }
    const name = url.startsWith(`/some/llama/resolve/${commit}/`) ? (url.split('/').at(-1) as string) : '';
    if (!existsSync(join(source, name)) || name === '') return void response.writeHead(404).end();
    const failure = failures.shift();
    if (failure) return void response.writeHead(failure).end();
    const whole = readFileSync(join(source, name));
    if (manners.lies && name === 'model.safetensors') whole[5000] ^= 1;
    const from = manners.ignoresRange ? 0 : Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const bytes = whole.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length });
    const { breaksAfter = bytes.length } = manners;
    if (bytes.length <= breaksAfter) return void response.end(bytes);
    // Time to read what was written: what a client has not read when a connection ends is lost to it.
    response.write(bytes.subarray(0, breaksAfter), () => setTimeout(() => response.socket?.end(), 100));
  };
  server = createServer(answer);
  await new Promise<void>((listening) => server?.listen(0, '127.0.0.1', listening));
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function siblingOf(rfilename: string): object {
  if (!existsSync(join(source, rfilename))) return { rfilename, size: 9, blobId: 'b10b' };
  const bytes = readFileSync(join(source, rfilename));
  const blobId = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  const lfs = { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
  return { rfilename, size: bytes.length, blobId, ...(rfilename.endsWith('.safetensors') ? { lfs } : {}) };
}

const scratch = (): string => mkdtempSync(join(tmpdir(), 'hub-'));
const noCheck = (): void => undefined;

function fetchLlama(
  endpoint: string,
  folder: string,
  more: { token?: string; check?: (path: string) => void } = {},
): Promise<Fetched> {
  const settings = { endpoint, token: more.token, tries: 3, pauseMs: 1 };
  return fetchModel({ model: 'some/llama', revision: 'main', folder }, settings, noCheck, more.check ?? noCheck);
}

describe('a model from a hub', () => {
  it('comes whole, without what it is not read from, and not twice', async () => {
    const { endpoint, asked } = await hub();
    const folder = scratch();
    const first = await fetchLlama(endpoint, folder);
    expect(first.commit).toBe(commit);
    expect(readdirSync(folder).toSorted()).toEqual([
      'chat_template.jinja',
      'config.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
    expect(loadLanguageModel(folder).parameters).toEqual(loadLanguageModel(source).parameters);
    const requests = asked.length;
    expect(await fetchLlama(endpoint, folder)).toEqual({ ...first, bytes: 0 });
    expect(asked.length).toBe(requests + 1);
  });

  it('is gone on with where the connection broke, in one call and in the next', async () => {
    const { endpoint, asked } = await hub({ breaksAfter: 100_000 });
    const folder = scratch();
    const weights = readFileSync(join(source, 'model.safetensors'));
    writeFileSync(join(folder, 'model.safetensors.part'), weights.subarray(0, 1234));
    await fetchLlama(endpoint, folder);
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true);
    const ranges = asked.filter((url) => url.includes('model.safetensors'));
    expect(ranges[0]).toContain('bytes=1234-');
    expect(ranges.length).toBeGreaterThan(2);
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('is fetched from its beginning where the hub gives no parts, or more lies there than it has', async () => {
    const { endpoint } = await hub({ ignoresRange: true });
    const weights = readFileSync(join(source, 'model.safetensors'));
    for (const part of [weights.subarray(0, 500), Buffer.alloc(weights.length + 1)]) {
      const folder = scratch();
      writeFileSync(join(folder, 'model.safetensors.part'), part);
      await fetchLlama(endpoint, folder);
      expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true);
    }
  });

  it('outlasts a hub that is unwell for a while', async () => {
    const { endpoint } = await hub({ status: [503, 429] });
    const folder = scratch();
    await fetchLlama(endpoint, folder);
    expect(existsSync(join(folder, 'model.safetensors'))).toBe(true);
  });

  it('is not kept when its bytes are not those that were promised', async () => {
    const { endpoint } = await hub({ lies: true });
    const folder = scratch();
    const error: unknown = await fetchLlama(endpoint, folder).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DataError);
    expect(String(error)).toMatch(
      /model\.safetensors: its bytes do not have the digest [0-9a-f]{64} that the hub names/,
    );
    expect(readdirSync(folder).some((name) => name.startsWith('model.safetensors'))).toBe(false);
  });

  it('is refused before its weights are fetched when its config is', async () => {
    const { endpoint, asked } = await hub();
    const check = (path: string): void => {
      throw new ConfigError(`${path}: not this one`);
    };
    await expect(fetchLlama(endpoint, scratch(), { check })).rejects.toThrow(/not this one/);
    expect(asked.some((url) => url.includes('safetensors'))).toBe(false);
  });

  it('is refused with a sentence where the answer is no hub’s', async () => {
    for (const page of ['<html>log in</html>', '{"sha":"\u001b]0;owned","siblings":[]}', '{"siblings":3}']) {
      const { endpoint } = await hub({ listing: page });
      await expect(fetchLlama(endpoint, scratch())).rejects.toThrow(
        /answers what no hub answers .* Check HF_ENDPOINT/s,
      );
    }
  });

  it('needs a hub, a name that it knows, and a token where it asks for one', async () => {
    const { endpoint } = await hub({ token: 'secret' });
    await expect(fetchLlama(endpoint, scratch())).rejects.toThrow(/answers 401\. Set HF_TOKEN/);
    expect((await fetchLlama(endpoint, scratch(), { token: 'secret' })).files).toBe(4);
    const absent = fetchModel(
      { model: 'some/other', revision: 'main', folder: scratch() },
      { endpoint, token: 'secret' },
      noCheck,
      noCheck,
    );
    await expect(absent).rejects.toThrow(/answers 404\. Check the name of the model/);
    const nameless = fetchModel(
      { model: 'llama', revision: 'main', folder: scratch() },
      { endpoint },
      noCheck,
      noCheck,
    );
    await expect(nameless).rejects.toThrow(/"llama" names no model of a hub\. Write OWNER\/NAME/);
    server?.close();
    await expect(fetchLlama('http://127.0.0.1:1', scratch())).rejects.toThrow(
      /cannot be fetched: .*\. Check the network and HF_ENDPOINT/,
    );
  });
});
