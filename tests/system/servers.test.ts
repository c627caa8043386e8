import { describe, expect, inject, it } from 'vitest';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinable } from '../../cli/work.ts';
import { openStorage } from '../../infra/session.ts';
import { readRunning } from '../../infra/running.ts';
import { processStart } from '../../infra/processes.ts';

describe('the servers', () => {
  const env = inject('serversEnv');
  const stateFolder = inject('serversState');

  function s3(): S3Client {
    return new S3Client({
      region: env['AWS_REGION'] as string,
      endpoint: env['NEWSHOUND_S3_ENDPOINT'] as string,
      forcePathStyle: true,
      credentials: {
        accessKeyId: env['AWS_ACCESS_KEY_ID'] as string,
        secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] as string,
      },
    });
  }

  const create = (client: S3Client, key: string, body: string) =>
    client
      .send(new PutObjectCommand({ Bucket: env['NEWSHOUND_S3_BUCKET'], Key: key, Body: body, IfNoneMatch: '*' }))
      .then(
        () => 'created' as const,
        (error: { $metadata?: { httpStatusCode?: number } }) => error.$metadata?.httpStatusCode,
      );

  it('lets exactly one of many racing creators of an object win', async () => {
    const client = s3();
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, (_, i) => create(client, 'race/one', `creator ${i}`)),
    );
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 412)).toHaveLength(29);
  });

  it('come back on the same port, with their data, when killed', async () => {
    const before = readRunning(stateFolder)?.processes.find((process) => process.name === 'S3 server');
    expect(await create(s3(), 'kept/object', 'kept')).toBe('created');
    process.kill(before?.pid as number, 'SIGKILL');
    // Once the server is back the object is still there, so creating it again is refused.
    const client = s3();
    await expect.poll(() => create(client, 'kept/object', 'again'), { timeout: 30_000 }).toBe(412);
    const after = readRunning(stateFolder)?.processes.find((process) => process.name === 'S3 server');
    expect(after?.pid).not.toBe(before?.pid);
    expect(processStart(before?.pid as number)).toBeNull();
  });

  it('that are S3 alone, as of newshound serve, are there for what reads the store, and for nothing else', async () => {
    const home = mkdtempSync(join(tmpdir(), 'newshound-storage-'));
    const own = { ...process.env, NEWSHOUND_STATE: home };
    const quiet = { line: () => undefined, progress: () => undefined };
    const storage = await openStorage({ stateFolder: home, env: own, say: quiet, doing: 'serving', anyPort: true });
    try {
      expect(joinable(own, 'any')).toBeNull();
      expect(joinable(own, 'any', 'store')?.env).toMatchObject(storage.env);
      expect(JSON.stringify(readRunning(home))).not.toContain(storage.env['AWS_SECRET_ACCESS_KEY']);
    } finally {
      await storage.close();
    }
    expect(readRunning(home)).toBeNull();
  });
});
