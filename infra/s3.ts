/** The S3 server: versitygw over a folder. Also what any S3 must do for newshound: conditional writes. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, S3ServiceException } from '@aws-sdk/client-s3';
import { ServerStartFailed } from '../lib/errors.ts';
import { type Bucket, putIfAbsent } from '../lib/store/s3.ts';
import { waitUntilReady } from './keep-alive.ts';
import { type Guard, type Launched, launch, logTail } from './processes.ts';

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

export interface S3Plan {
  binary: string;
  stateFolder: string;
  port: number;
  credentials: Credentials;
}

export const region = 'us-east-1';

export function s3Log(stateFolder: string): string {
  return join(stateFolder, 'logs', 's3.log');
}

/** The S3 server's own credentials: made once, kept readable by their owner only, never printed. */
export function localCredentials(stateFolder: string): Credentials {
  const path = join(stateFolder, 'credentials');
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Credentials;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const made = {
    accessKeyId: `newshound${randomBytes(4).toString('hex')}`,
    secretAccessKey: randomBytes(24).toString('hex'),
  };
  mkdirSync(stateFolder, { recursive: true });
  // Aside, then renamed: half a file would keep every later start from going on.
  writeFileSync(`${path}.new`, JSON.stringify(made), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return made;
}

/** Starts versitygw on 127.0.0.1 and waits until it answers. Throws ServerStartFailed. */
export async function startS3(plan: S3Plan, guard: Guard): Promise<Launched> {
  try {
    return await startVersity(plan, [], guard);
  } catch (error) {
    // A file system without extended attributes: object metadata goes to a folder beside the objects.
    if (!/xattr|extended attribute/i.test(logTail(s3Log(plan.stateFolder)))) throw error;
    const sidecar = join(plan.stateFolder, 's3-metadata');
    mkdirSync(sidecar, { recursive: true });
    return await startVersity(plan, ['--sidecar', sidecar], guard);
  }
}

/** Makes the bucket if it is not there. */
export async function ensureBucket({ s3, bucket }: Bucket): Promise<void> {
  try {
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  } catch (error) {
    if (error instanceof S3ServiceException && error.name.startsWith('BucketAlready')) return;
    throw error;
  }
}

/**
 * Throws ServerStartFailed when this S3 overwrites an object in spite of `If-None-Match: *`: artifacts and pointers need that refusal.
 * Throws StorageRefused for credentials that it does not take.
 */
export async function verifyConditionalWrites({ s3, bucket }: Bucket): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt++) {
    const isNew = await putIfAbsent({ s3, bucket }, 'probes/conditional-write', 'probe', 'text/plain');
    if (!isNew) return;
  }
  throw new ServerStartFailed(
    'S3',
    `bucket ${bucket} ignores If-None-Match, so two writers could overwrite each other. Use a server with conditional writes (AWS S3, versitygw, MinIO)`,
  );
}

async function startVersity(plan: S3Plan, options: readonly string[], guard: Guard): Promise<Launched> {
  const folder = join(plan.stateFolder, 's3');
  mkdirSync(folder, { recursive: true });
  const logFile = s3Log(plan.stateFolder);
  const launched = await launch(
    {
      name: 'S3',
      command: plan.binary,
      args: [
        '--port',
        `127.0.0.1:${plan.port}`,
        '--region',
        region,
        '--quiet',
        '--health',
        '/-/health',
        'posix',
        ...options,
        folder,
      ],
      env: { ROOT_ACCESS_KEY: plan.credentials.accessKeyId, ROOT_SECRET_KEY: plan.credentials.secretAccessKey },
      logFile,
    },
    guard,
  );
  return await waitUntilReady(launched, logFile, 30_000, () => answers(`http://127.0.0.1:${plan.port}/-/health`));
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}
