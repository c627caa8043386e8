/**
 * Names that change: `serving/current` and the like. A change is a compare-and-swap: of two who swap at once, one is told. Version n of a
 * pointer is an object of its own, created with `If-None-Match: *` by whoever read version n - 1; none is ever overwritten, so what was
 * served when stays on record.
 */
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { PointerConflict } from '../errors.ts';
import { type Bucket, putIfAbsent, storageError } from './s3.ts';

/** The pointer whose value is the served model. */
export const servingPointer = 'serving/current';

export interface Pointer<T> {
  value: T;
  /** 1 and up. */
  version: number;
}

/** What the pointer holds now, or null. */
export async function readPointer<T>({ s3, bucket }: Bucket, name: string): Promise<Pointer<T> | null> {
  const prefix = `pointers/${name}/`;
  try {
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }));
    const key = Contents?.[0]?.Key;
    if (key === undefined) return null;
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const value = JSON.parse((await Body?.transformToString()) ?? 'null') as T;
    return { value, version: LARGEST - Number(key.slice(prefix.length)) };
  } catch (error) {
    throw storageError(error, prefix);
  }
}

/** What a version of it held. Throws ArtifactMissing where there is none. */
export async function pointerAt<T>({ s3, bucket }: Bucket, name: string, version: number): Promise<T> {
  const key = keyOf(name, version);
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return JSON.parse((await Body?.transformToString()) ?? 'null') as T;
  } catch (error) {
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
  const version = (expected?.version ?? 0) + 1;
  const key = keyOf(name, version);
  const isOurs = await putIfAbsent({ s3, bucket }, key, JSON.stringify(value), 'application/json');
  if (!isOurs) throw new PointerConflict(name);
  return { value, version };
}

function keyOf(name: string, version: number): string {
  return `pointers/${name}/${String(LARGEST - version).padStart(10, '0')}`;
}

/** Keys count down from it: the newest version is the first of a listing. */
const LARGEST = 9_999_999_999;
