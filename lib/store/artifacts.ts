/**
 * The content-addressed store. Bytes lie at `artifacts/<sha256>`, written once (If-None-Match: *), verified at every read; a manifest
 * at `manifests/<digest>.json` names an artifact's files and its lineage. Small keyed documents (step cache) live beside them.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { ArtifactCorrupt, DataError, StorageRefused } from '../errors.ts';
import { dropOldest, isWhole } from './artifact-cache.ts';
import { artifactDigest, type Manifest, type ManifestFile, sha256, sortedFiles, thisMachine } from './manifest.ts';
import type { Kind, MadeBy, Ref } from './ref.ts';
import { type Bucket, isMissing, putIfAbsent, storageError } from './s3.ts';

export type FileContent = Uint8Array | { path: string };

export interface Artifacts {
  /** Stores files as one artifact. Idempotent: the same content gives the same reference and is stored once. */
  put<K extends Kind>(kind: K, files: Readonly<Record<string, FileContent>>, madeBy: MadeBy): Promise<Ref<K>>;
  /** Throws ArtifactMissing, ArtifactCorrupt. */
  manifest(ref: Ref): Promise<Manifest>;
  /** True where manifest and every file are stored (sizes compared, content not read). */
  isStored(ref: Ref): Promise<boolean>;
  /** One file's bytes, digest verified. */
  read(ref: Ref, name: string): Promise<Uint8Array>;
  /** A local folder with all files of the artifact, verified. Read-only: it is shared and may be removed after the process ends. */
  folder(ref: Ref): Promise<string>;
  /** A small JSON document, or null. */
  getDocument(key: string): Promise<unknown>;
  /** Writes a document, replacing what is there. */
  putDocument(key: string, value: unknown): Promise<void>;
  /** Writes a document unless there is one; false where there was. */
  createDocument(key: string, value: unknown): Promise<boolean>;
  /** Keys of stored objects below a prefix, with bytes and time of writing. */
  list(prefix: string): AsyncIterable<{ key: string; bytes: number; at: Date }>;
  /** Removes objects; those that are not there count as removed. */
  remove(keys: readonly string[]): Promise<void>;
  readonly bucket: Bucket;
}

const UPLOADS_AT_ONCE = 4;
/** As many as S3 takes in one request. */
const REMOVED_AT_ONCE = 1000;
/** A body cut short is read again so often before it is called corrupt. */
const READ_TRIES = 3;

export function createArtifacts({ s3, bucket, cacheFolder }: Bucket & { cacheFolder: string }): Artifacts {
  const get = async (key: string): Promise<Uint8Array> => {
    const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
  };

  const getVerified = async (file: ManifestFile, step: () => Promise<string | null>): Promise<Uint8Array> => {
    const key = blobKey(file.sha256);
    let problem = '';
    for (let attempt = 0; attempt < READ_TRIES; attempt++) {
      const bytes = await get(key).catch((error: unknown) => {
        // The SDK compares its own checksum of what was stored first.
        if (error instanceof Error && error.message.startsWith('Checksum mismatch')) return null;
        throw storageError(error, key);
      });
      const digest = bytes === null ? null : sha256(bytes);
      if (bytes !== null && digest === file.sha256) return bytes;
      problem = digest === null ? 'its bytes contradict its checksum' : `its bytes have digest ${digest}`;
    }
    throw new ArtifactCorrupt(key, problem, await step());
  };

  const isThere = async (file: ManifestFile): Promise<boolean> => {
    try {
      const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: blobKey(file.sha256) }));
      return head.ContentLength === file.bytes;
    } catch (error) {
      if (isMissing(error)) return false;
      throw storageError(error, blobKey(file.sha256));
    }
  };

  const artifacts: Artifacts = {
    bucket: { s3, bucket },

    async put(kind, contents, madeBy) {
      const files: ManifestFile[] = [];
      const names = Object.keys(contents);
      const upload = async (name: string): Promise<void> => {
        if (!isFileName(name))
          throw new DataError(`artifact file name "${name}" may hold letters, digits, '.', '_', '-' only`);
        const content = contents[name];
        const digest = content instanceof Uint8Array ? sha256(content) : await fileDigest(content.path);
        const bytes = content instanceof Uint8Array ? content.length : (await stat(content.path)).size;
        const file = { name, sha256: digest, bytes };
        files.push(file);
        // A refusal (it is there already) may close the connection under a body that is still being sent: EPIPE or ECONNRESET, no 412.
        if (await isThere(file)) return;
        try {
          const body = content instanceof Uint8Array ? content : { path: content.path, bytes };
          await putIfAbsent({ s3, bucket }, blobKey(digest), body, 'application/octet-stream');
        } catch (error) {
          if (!(await isThere(file))) throw error;
        }
      };
      for (let i = 0; i < names.length; i += UPLOADS_AT_ONCE)
        await Promise.all(names.slice(i, i + UPLOADS_AT_ONCE).map(upload));
      const digest = artifactDigest(kind, files);
      const manifest: Manifest = { kind, files: sortedFiles(files), madeBy, machine: thisMachine() };
      await putIfAbsent({ s3, bucket }, manifestKey(digest), JSON.stringify(manifest, null, 1), 'application/json');
      return { kind, digest };
    },

    async manifest(ref) {
      const key = manifestKey(ref.digest);
      const bytes = await get(key).catch((error: unknown) => {
        throw storageError(error, key);
      });
      let manifest: Manifest;
      try {
        manifest = JSON.parse(Buffer.from(bytes).toString('utf8')) as Manifest;
      } catch (cause) {
        throw new ArtifactCorrupt(key, 'it is not JSON', null, cause);
      }
      if (manifest.kind !== ref.kind || artifactDigest(manifest.kind, manifest.files) !== ref.digest) {
        throw new ArtifactCorrupt(key, 'its files do not add up to its digest', manifest.madeBy?.step ?? null);
      }
      // Whoever may write to the bucket may not write elsewhere on the machines that read it.
      if (!manifest.files.every(({ name }) => isFileName(name)))
        throw new ArtifactCorrupt(key, 'it names files outside of itself', manifest.madeBy?.step ?? null);
      return manifest;
    },

    async isStored(ref) {
      try {
        const { files } = await artifacts.manifest(ref);
        return (await Promise.all(files.map(isThere))).every(Boolean);
      } catch (error) {
        if (error instanceof Error && error.name === 'ArtifactMissing') return false;
        throw error;
      }
    },

    async read(ref, name) {
      const manifest = await artifacts.manifest(ref);
      const file = manifest.files.find((one) => one.name === name);
      if (!file)
        throw new DataError(
          `artifact ${ref.kind} ${ref.digest.slice(0, 12)} has no file ${name}; it has ${manifest.files.map((one) => one.name).join(', ')}`,
        );
      return getVerified(file, async () => manifest.madeBy.step);
    },

    async folder(ref) {
      const path = join(cacheFolder, ref.digest);
      const manifest = await artifacts.manifest(ref);
      if (await isWhole(path, manifest)) {
        const now = new Date();
        await utimes(path, now, now);
        return path;
      }
      const fresh = `${path}.${process.pid}.${Math.trunc(performance.now() * 1000)}`;
      try {
        for (const file of manifest.files) {
          const bytes = await getVerified(file, async () => manifest.madeBy.step);
          await mkdir(dirname(join(fresh, file.name)), { recursive: true });
          await writeFile(join(fresh, file.name), bytes);
        }
        await rename(fresh, path).catch(async (error: unknown) => {
          // Another process put it there first, and may have been given it: only what is damaged is replaced.
          if (!(await stat(path).catch(() => null)) || (await isWhole(path, manifest))) throw error;
          await rm(path, { recursive: true, force: true });
          await rename(fresh, path);
        });
      } catch (error) {
        await rm(fresh, { recursive: true, force: true });
        if (await isWhole(path, manifest)) return path;
        throw storageError(error, path);
      }
      await dropOldest(cacheFolder, ref.digest);
      return path;
    },

    async getDocument(key) {
      try {
        return JSON.parse(Buffer.from(await get(key)).toString('utf8')) as unknown;
      } catch (error) {
        if (isMissing(error)) return null;
        if (error instanceof SyntaxError) throw new ArtifactCorrupt(key, 'it is not JSON', null, error);
        throw storageError(error, key);
      }
    },

    async putDocument(key, value) {
      try {
        await s3.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: key,
            Body: JSON.stringify(value),
            ContentType: 'application/json',
          }),
        );
      } catch (error) {
        throw storageError(error, key);
      }
    },

    createDocument: (key, value) => putIfAbsent({ s3, bucket }, key, JSON.stringify(value), 'application/json'),

    async *list(prefix) {
      let token: string | undefined;
      do {
        const page = await s3
          .send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }))
          .catch((error: unknown) => {
            throw storageError(error, prefix);
          });
        for (const { Key, Size, LastModified } of page.Contents ?? [])
          yield { key: Key ?? '', bytes: Size ?? 0, at: LastModified ?? new Date(0) };
        token = page.NextContinuationToken;
      } while (token);
    },

    async remove(keys) {
      for (let i = 0; i < keys.length; i += REMOVED_AT_ONCE) {
        const Objects = keys.slice(i, i + REMOVED_AT_ONCE).map((Key) => ({ Key }));
        const { Errors } = await s3
          .send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }))
          .catch((error: unknown) => {
            throw storageError(error, Objects[0].Key);
          });
        const [first] = Errors ?? [];
        if (first !== undefined)
          throw new StorageRefused(
            `S3 did not remove ${first.Key}: ${first.Code} ${first.Message ?? ''}. Check the bucket's permissions (s3:DeleteObject), then run it again`,
          );
      }
    },
  };
  return artifacts;
}

export function blobKey(digest: string): string {
  return `artifacts/${digest}`;
}

export function manifestKey(digest: string): string {
  return `manifests/${digest}.json`;
}

/** Whose manifest it is that lies at `key`. */
export function digestOfManifest(key: string): string | undefined {
  return /^manifests\/([0-9a-f]{64})\.json$/.exec(key)?.[1];
}

/** Of a file of an artifact: below it, and nowhere else. */
function isFileName(name: string): boolean {
  return /^[\w.-]+(?:\/[\w.-]+)*$/.test(name) && !name.split('/').some((part) => part === '..' || part === '.');
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
