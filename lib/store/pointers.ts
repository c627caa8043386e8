/** Names that change: `serving/current` and the like. A change is a compare-and-swap (If-Match): of two who swap at once, one is told. */
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { PointerConflict } from '../errors.ts';
import { type Bucket, isMissing, isPreconditionFailed, storageError } from './s3.ts';

export interface Pointer<T> {
  value: T;
  etag: string;
}

/** What the pointer holds now, or null. */
export async function readPointer<T>({ s3, bucket }: Bucket, name: string): Promise<Pointer<T> | null> {
  const key = `pointers/${name}`;
  try {
    const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return { value: JSON.parse((await answer.Body?.transformToString()) ?? 'null') as T, etag: answer.ETag ?? '' };
  } catch (error) {
    if (isMissing(error)) return null;
    throw storageError(error, key);
  }
}

/** Points it at `value` if it still is what `expected` says (null: it must not exist). Returns the new pointer; throws PointerConflict. */
export async function swapPointer<T>(
  { s3, bucket }: Bucket,
  name: string,
  value: T,
  expected: Pointer<T> | null,
): Promise<Pointer<T>> {
  const key = `pointers/${name}`;
  try {
    const answer = await s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: JSON.stringify(value),
        ContentType: 'application/json',
        ...(expected ? { IfMatch: expected.etag } : { IfNoneMatch: '*' }),
      }),
    );
    return { value, etag: answer.ETag ?? '' };
  } catch (error) {
    if (isPreconditionFailed(error)) throw new PointerConflict(name, error);
    throw storageError(error, key);
  }
}
