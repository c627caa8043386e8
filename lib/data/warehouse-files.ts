/** The files of a warehouse export: found by table, fetched from S3 where they are there. */
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, paginateListObjectsV2, S3ServiceException } from '@aws-sdk/client-s3';
import { DataError } from '../errors.ts';
import { namesUnder } from './folder.ts';
import { suggestion } from '../pipeline/nearest.ts';
import { type Bucket, storageError } from '../store/s3.ts';

export interface WarehouseFolder {
  /** As the operator named it. */
  path: string;
  /** Where the files are, or come to be once fetched. */
  local: string;
  /** Files that could be tables, relative to the folder, `/` between the parts, sorted. */
  names: string[];
  fetch(names: readonly string[]): Promise<void>;
  /** Removes what was fetched. */
  close(): Promise<void>;
}

export type Format = 'parquet' | 'csv' | 'json';

const formats: Readonly<Record<string, Format>> = {
  parquet: 'parquet',
  csv: 'csv',
  tsv: 'csv',
  json: 'json',
  jsonl: 'json',
  ndjson: 'json',
};

/** Lists a folder, or an s3://bucket/prefix with the client of `bucket`. Throws DataError where there is no table file. */
export async function openFolder(path: string, bucket: Bucket): Promise<WarehouseFolder> {
  const folder = path.startsWith('s3://') ? await s3Folder(path, bucket) : localFolder(path);
  if (folder.names.length > 0) return folder;
  await folder.close();
  throw new DataError(
    `${path} holds no ${Object.keys(formats).join(', ')} file. A warehouse export holds signals, articles and impressions`,
  );
}

/**
 * The files of a table, all of one format: `file` where it is set (a file, or a folder of parts), else TABLE.parquet and the like or
 * the parts in a folder TABLE. Throws DataError where there are none, or several that could be meant.
 */
export function filesOfTable(
  { path, names }: Pick<WarehouseFolder, 'path' | 'names'>,
  table: string,
  file: string,
): { names: string[]; format: Format } {
  const wanted = file.replace(/\/+$/, '');
  const whole = names.filter((name) => (wanted === '' ? stem(name) === table : name === wanted));
  const parts = names.filter((name) => name.startsWith(`${wanted === '' ? table : wanted}/`));
  const found = [...whole, ...parts];
  const setting = `source.mapping.${table}.file`;
  if (found.length === 0) {
    const missing = wanted === '' ? `no file of table ${table}: name it in ${setting}` : `no "${wanted}" (${setting})`;
    throw new DataError(`${path} has ${missing}. ${suggestion(wanted === '' ? table : wanted, names)}`);
  }
  if (whole.length > 1 || (whole.length > 0 && parts.length > 0))
    throw new DataError(`${path} has several files of table ${table}: ${found.join(', ')}. Choose with ${setting}`);
  const [format, ...others] = new Set(found.map(formatOf));
  if (others.length > 0)
    throw new DataError(`${path}: the parts of table ${table} are of several formats: ${found.join(', ')}. Keep one`);
  return { names: found, format: format as Format };
}

function formatOf(name: string): Format | undefined {
  return formats[name.slice(name.lastIndexOf('.') + 1).toLowerCase()];
}

function stem(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

function localFolder(path: string): WarehouseFolder {
  try {
    const names = namesUnder(path).filter((name) => formatOf(name) !== undefined);
    return { path, local: resolve(path), names, fetch: async () => {}, close: async () => {} };
  } catch (cause) {
    throw new DataError(
      `${path} cannot be read as a folder: ${(cause as Error).message}. Set source.path to the folder of the export`,
      { cause },
    );
  }
}

async function s3Folder(path: string, { s3 }: Bucket): Promise<WarehouseFolder> {
  const [, bucket, prefix] = /^s3:\/\/([^/]+)\/?(.*?)\/*$/.exec(path) ?? [];
  if (bucket === undefined) throw new DataError(`${path} names no bucket. Write s3://BUCKET/PREFIX`);
  const base = prefix === '' ? '' : `${prefix}/`;
  const names: string[] = [];
  try {
    for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: base }))
      for (const { Key = '' } of page.Contents ?? []) names.push(Key.slice(base.length));
  } catch (error) {
    if (error instanceof S3ServiceException && error.name === 'NoSuchBucket')
      throw new DataError(
        `${path}: there is no bucket ${bucket} at the S3 that the artifacts are in. Set NEWSHOUND_S3_ENDPOINT (and credentials) to one that has both`,
        { cause: error },
      );
    throw storageError(error, path);
  }
  const local = await mkdtemp(join(tmpdir(), 'newshound-source-'));
  return {
    path,
    local,
    // Keys are strangers' text: one that would leave the folder is no table.
    names: names.filter((name) => formatOf(name) !== undefined && !name.split('/').includes('..')).sort(),
    async fetch(wanted) {
      for (const name of wanted) {
        const file = join(local, name);
        await mkdir(dirname(file), { recursive: true });
        try {
          const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: base + name }));
          await pipeline(Body as Readable, createWriteStream(file));
        } catch (error) {
          throw storageError(error, `${path}/${name}`);
        }
      }
    },
    close: () => rm(local, { recursive: true, force: true }),
  };
}
