/** The bucket: a client made from the environment, and one place that turns S3's refusals into errors people can act on. */
import { createReadStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { PutObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { ArtifactMissing, ConfigError, DiskFull, StorageRefused, StorageUnreachable } from '../errors.ts';

export interface Bucket {
  s3: S3Client;
  bucket: string;
}

/**
 * NEWSHOUND_S3_BUCKET (required), NEWSHOUND_S3_ENDPOINT (none: Amazon's), AWS_REGION; credentials as the AWS SDK finds them
 * (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, profile, role). Throws ConfigError.
 */
export function createS3(env: Readonly<Record<string, string | undefined>>): Bucket {
  const bucket = env['NEWSHOUND_S3_BUCKET'];
  if (!bucket) throw new ConfigError('NEWSHOUND_S3_BUCKET is not set: name the bucket that artifacts go to');
  const endpoint = env['NEWSHOUND_S3_ENDPOINT'];
  const accessKeyId = env['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY'];
  const sessionToken = env['AWS_SESSION_TOKEN'];
  if (endpoint && !URL.canParse(endpoint))
    throw new ConfigError(`NEWSHOUND_S3_ENDPOINT must be an address such as http://127.0.0.1:9000, not "${endpoint}"`);
  const s3 = new S3Client({
    region: env['AWS_REGION'] || 'us-east-1',
    ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
    ...(accessKeyId && secretAccessKey
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } }
      : {}),
    // Minutes of an unreachable store are waited out: 8 tries with exponential backoff; what is longer, Temporal repeats.
    maxAttempts: 8,
    retryMode: 'standard',
    // Idle time, not that of a whole request: slow ones go on, a server that accepts and never answers does not.
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 120_000 },
  });
  return { s3, bucket };
}

/** True where the object is not there. */
export function isMissing(error: unknown): boolean {
  return (
    error instanceof S3ServiceException &&
    error.name !== 'NoSuchBucket' &&
    (error.name === 'NoSuchKey' || error.name === 'NotFound' || error.$metadata.httpStatusCode === 404)
  );
}

/** How often, and after which wait at first, a write is tried while S3 answers that another one of the same key is under way (409). */
const CONFLICTS = { tries: 6, firstWaitMs: 100 };

/** Writes an object that must not be there yet, of these bytes or of a file's; false where it is. Throws `storageError`s. */
export async function putIfAbsent(
  { s3, bucket }: Bucket,
  key: string,
  body: string | Uint8Array | { path: string; bytes: number },
  contentType: string,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      const content =
        typeof body === 'string' || body instanceof Uint8Array
          ? { Body: body }
          : { Body: createReadStream(body.path), ContentLength: body.bytes };
      const object = { Bucket: bucket, Key: key, ContentType: contentType, IfNoneMatch: '*', ...content };
      await s3.send(new PutObjectCommand(object));
      return true;
    } catch (error) {
      const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
      if (status === 412) return false;
      // The other write may fail yet: it does not say that the object is there.
      if (status !== 409 || attempt === CONFLICTS.tries) throw storageError(error, key);
      await delay(CONFLICTS.firstWaitMs * 2 ** (attempt - 1));
    }
  }
}

/** The error to raise for a failed request on `key`: typed where a person must act, else as it came (and may be retried). */
export function storageError(error: unknown, key: string): unknown {
  if (isMissing(error)) return new ArtifactMissing(key, error);
  if (error instanceof Error && error.name === 'CredentialsProviderError')
    return new StorageRefused(
      'there are no S3 credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role',
      { cause: error },
    );
  if (error instanceof S3ServiceException) {
    const status = error.$metadata.httpStatusCode ?? 0;
    if (error.name === 'NoSuchBucket')
      return new StorageRefused(
        'S3 has no such bucket. Correct NEWSHOUND_S3_BUCKET (or NEWSHOUND_S3_ENDPOINT), or create it',
        {
          cause: error,
        },
      );
    // Before the refusals: over quota is a 403 with some.
    if (
      status === 507 ||
      /no space|quota|XMinioStorageFull|InsufficientStorage/i.test(`${error.name} ${error.message}`)
    ) {
      return new DiskFull(
        `the S3 server has no space left for ${key}. Free some, then run again: finished steps are reused`,
        { cause: error },
      );
    }
    if (status === 401 || status === 403) {
      return new StorageRefused(
        `S3 refused ${key}: ${error.name}. Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket's permissions`,
        { cause: error },
      );
    }
  }
  if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
    return new DiskFull(`no space left on the disk for ${key}. Free some, then run again: finished steps are reused`, {
      cause: error,
    });
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && unreachable.has(code))
    return new StorageUnreachable(
      `S3 does not answer (${(error as Error).message || code}). Is it running, and NEWSHOUND_S3_ENDPOINT right?`,
      { cause: error },
    );
  return error;
}

const unreachable = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']);
