import { mkdtempSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { describe, expect, inject, it } from 'vitest';
import { encodeTable, rowsOf } from '../../lib/store/arrow.ts';
import { type Artifacts, createArtifacts, manifestKey } from '../../lib/store/artifacts.ts';
import { artifactDigest, sha256 } from '../../lib/store/manifest.ts';
import { readPointer, swapPointer } from '../../lib/store/pointers.ts';
import type { MadeBy } from '../../lib/store/ref.ts';
import { createS3, storageError } from '../../lib/store/s3.ts';

const env = inject('serversEnv');
const cacheFolder = mkdtempSync(join(tmpdir(), 'newshound-store-'));

const made: MadeBy = { stage: 's', step: 'step-of-it', run: 'r', settings: {}, code: 'c', inputs: {}, seed: 1 };

function storeAt(more: Record<string, string> = {}): Artifacts {
  return createArtifacts({ ...createS3({ ...env, ...more }), cacheFolder });
}

/** A server between the store and S3 that does `what` with a request instead of passing it on, where it returns true. */
async function between(
  what: (from: IncomingMessage, to: ServerResponse) => boolean,
): Promise<{ url: string; server: Server }> {
  const target = new URL(env['NEWSHOUND_S3_ENDPOINT']);
  const server = createServer((from, to) => {
    if (what(from, to)) return;
    const { method, url, headers } = from;
    const onward = request({ host: target.hostname, port: target.port, method, path: url, headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(to);
    });
    from.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

describe('the artifact store on a real S3 server', () => {
  it('stores the same content once, under one reference, whoever makes it', async () => {
    const store = storeAt();
    const files = { 'a.bin': Buffer.from('a'), 'b/c.bin': Buffer.from('c') };
    const refs = await Promise.all(Array.from({ length: 8 }, (_, seed) => store.put('log', files, { ...made, seed })));
    expect(new Set(refs.map(({ digest }) => digest)).size).toBe(1);
    expect(Buffer.from(await store.read(refs[0], 'b/c.bin')).toString()).toBe('c');
    await expect(store.put('log', { '../up': Buffer.from('x') }, made)).rejects.toThrow(/file name "\.\.\/up"/);
    await expect(store.manifest({ kind: 'log', digest: '0'.repeat(64) })).rejects.toThrow(/is not in the store/);
  });

  it('gives a folder that many processes fill at once, and never takes it from one that has it', async () => {
    const ref = await storeAt().put('log', { 'a.bin': Buffer.alloc(300_000, 'once'), 'b.bin': Buffer.from('b') }, made);
    // Each store stands for a process: they share the cache folder and nothing else.
    const missing: unknown[] = [];
    await Promise.all(
      Array.from({ length: 12 }, async () => {
        const folder = await storeAt().folder(ref);
        for (let i = 0; i < 50; i++)
          await readFile(join(folder, 'b.bin')).catch((error: unknown) => missing.push(error));
      }),
    );
    expect(missing).toEqual([]);
    await writeFile(join(cacheFolder, ref.digest, 'b.bin'), 'damaged');
    expect(await readFile(join(await storeAt().folder(ref), 'b.bin'), 'utf8')).toBe('b');
    expect((await readdir(cacheFolder)).filter((name) => name.startsWith(ref.digest))).toEqual([ref.digest]);
  });

  it('refuses a manifest that names files outside of its artifact, wherever it came from', async () => {
    const { bucket } = storeAt();
    const files = [{ name: '../../escaped', sha256: sha256(Buffer.from('a')), bytes: 1 }];
    const digest = artifactDigest('log', files);
    const Body = JSON.stringify({ kind: 'log', files, madeBy: made });
    await bucket.s3.send(new PutObjectCommand({ Bucket: bucket.bucket, Key: manifestKey(digest), Body }));
    await expect(storeAt().folder({ kind: 'log', digest })).rejects.toThrow(/it names files outside of itself/);
  });

  it('says that S3 does not answer, and where to look', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
    const error = storageError(refused, 'key') as Error;
    expect(error).toMatchObject({ retryable: true });
    expect(error.message).toMatch(/ECONNREFUSED.*NEWSHOUND_S3_ENDPOINT/);
  });

  it('takes what is there already for stored, where the refusal breaks the connection under the body', async () => {
    const files = { 'a.bin': Buffer.alloc(3_000_000, 'refused'), 'b.bin': Buffer.from('small') };
    const ref = await storeAt().put('log', files, made);
    let puts = 0;
    let heads = 0;
    const { url, server } = await between((from, to) => {
      if (from.method === 'HEAD' && heads++ < 1) to.writeHead(404).end();
      else if (from.method === 'PUT' && from.headers['content-length'] === '3000000' && ++puts) from.socket.destroy();
      else return false;
      return true;
    });
    try {
      const store = storeAt({ NEWSHOUND_S3_ENDPOINT: url });
      expect(await store.put('log', files, made)).toEqual(ref);
      const before = puts;
      expect(before).toBeGreaterThan(0);
      expect(await store.put('log', files, made)).toEqual(ref);
      expect(puts).toBe(before);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it('does not take a write of the same key that is under way (409) for stored', async () => {
    let conflicts = 0;
    const { url, server } = await between((from, to) => {
      if (from.method !== 'PUT' || conflicts-- <= 0) return false;
      from.resume();
      to.writeHead(409, { 'content-type': 'application/xml' });
      to.end('<Error><Code>ConditionalRequestConflict</Code><Message>try again</Message></Error>');
      return true;
    });
    const store = storeAt({ NEWSHOUND_S3_ENDPOINT: url });
    try {
      // The other one failed: this one is stored after all.
      conflicts = 2;
      const ref = await store.put('log', { a: Buffer.from(`conflict ${process.pid}`) }, made);
      expect(await store.isStored(ref)).toBe(true);
      expect(conflicts).toBeLessThanOrEqual(0);
      conflicts = 100;
      await expect(store.createDocument(`tests/conflict-${process.pid}.json`, {})).rejects.toThrow(/try again/);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it('lets one of many who swap a pointer at once win, and tells the others', async () => {
    const { bucket } = storeAt();
    const name = 'tests/race';
    const first = await swapPointer(bucket, name, { n: 0 }, null);
    await expect(swapPointer(bucket, name, { n: 9 }, null)).rejects.toThrow(/changed by somebody else/);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => swapPointer(bucket, name, { n }, first)),
    );
    const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(won).toHaveLength(1);
    expect((await readPointer(bucket, name))?.value).toEqual(won[0].value.value);
  });

  it('names what to check when the credentials are refused', async () => {
    const refused = storeAt({ AWS_SECRET_ACCESS_KEY: 'not-the-secret' });
    await expect(refused.put('log', { a: Buffer.from('refused') }, made)).rejects.toThrow(
      /S3 refused artifacts\/.*Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY/,
    );
    await expect(refused.put('log', { a: Buffer.from('refused') }, made)).rejects.not.toThrow(/not-the-secret/);
    expect(() => createS3({})).toThrow(/NEWSHOUND_S3_BUCKET is not set/);
  });

  it('says that the disk is full, on either side, and leaves nothing half-written', async () => {
    const { url, server } = await between((from, to) => {
      if (from.method !== 'PUT') return false;
      from.resume();
      to.writeHead(507, { 'content-type': 'application/xml' });
      to.end('<Error><Code>InsufficientStorage</Code><Message>no space left on device</Message></Error>');
      return true;
    });
    const full = storeAt({ NEWSHOUND_S3_ENDPOINT: url });
    const content = { a: Buffer.from('does not fit') };
    await expect(full.put('log', content, made)).rejects.toThrow(
      /no space left for artifacts\/.*Free some, then run again/,
    );
    server.close();
    const there: string[] = [];
    for await (const { key } of storeAt().list('manifests/')) there.push(key);
    const ref = await storeAt().put('log', content, made);
    expect(there).not.toContain(`manifests/${ref.digest}.json`);
    const local = storageError(Object.assign(new Error('write'), { code: 'ENOSPC' }), 'cache/x') as Error;
    expect(local.name).toBe('DiskFull');
  });

  it('reads again when the server fails, and when a body is cut short or altered on its way', async () => {
    const ref = await storeAt().put('log', { 'rows.bin': Buffer.from('the whole body') }, made);
    let failures = 0;
    const flaky = await between((from, to) => {
      if (failures >= 2) return false;
      failures++;
      from.resume();
      to.writeHead(503);
      to.end();
      return true;
    });
    expect(Buffer.from(await storeAt({ NEWSHOUND_S3_ENDPOINT: flaky.url }).read(ref, 'rows.bin')).toString()).toBe(
      'the whole body',
    );
    flaky.server.close();

    let bodies = 0;
    const cutting = await between((from, to) => {
      if (from.method !== 'GET' || !from.url?.includes('/artifacts/') || bodies >= 2) return false;
      bodies++;
      to.writeHead(200, { 'content-type': 'application/octet-stream' });
      to.end('the whole bo');
      return true;
    });
    expect(Buffer.from(await storeAt({ NEWSHOUND_S3_ENDPOINT: cutting.url }).read(ref, 'rows.bin')).toString()).toBe(
      'the whole body',
    );
    bodies = -1e9;
    await expect(storeAt({ NEWSHOUND_S3_ENDPOINT: cutting.url }).read(ref, 'rows.bin')).rejects.toThrow(
      /is corrupt: .*run step "step-of-it" again/,
    );
    cutting.server.close();
  });
});

describe('an Arrow table', () => {
  it('reads back as it was written, whatever the rows hold', () => {
    const schema = {
      name: 'any',
      columns: {
        id: 'text',
        note: 'text?',
        n: 'integer',
        x: 'number?',
        at: 'time',
        ok: 'flag',
        tags: 'texts',
        ids: 'integers',
        values: 'floats',
      },
    } as const;
    const rows = fc.array(
      fc.record({
        id: fc.string({ unit: 'grapheme' }),
        note: fc.option(fc.string(), { nil: null }),
        n: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        x: fc.option(fc.double({ noNaN: true }), { nil: null }),
        at: fc.integer({ min: 0, max: 4e12 }),
        ok: fc.boolean(),
        tags: fc.array(fc.string()),
        ids: fc.array(fc.integer({ min: -1000, max: 1000 })).map((values) => Int32Array.from(values)),
        values: fc.array(fc.float({ noNaN: true })).map((values) => Float32Array.from(values)),
      }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(rows, (written) => {
        expect(rowsOf(schema, encodeTable(schema, written))).toEqual(written);
      }),
      { numRuns: 60 },
    );
  });
});
