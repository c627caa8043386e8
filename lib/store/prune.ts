/** Frees the store of what was made long ago and is needed no more. */
import { type Artifacts, blobKey, digestOfManifest, manifestKey } from './artifacts.ts';
import type { Manifest } from './manifest.ts';
import { servingPointer } from './pointers.ts';
import { kinds, type Ref } from './ref.ts';

export interface Pruned {
  removed: number;
  removedBytes: number;
  kept: number;
  keptBytes: number;
}

const READS_AT_ONCE = 16;

/**
 * Removes (or, where `dryRun`, counts) the artifacts stored before `before`, their bytes and their records in the step cache. What stays, however
 * old: what each pipeline's last finished run ended with, what steps recorded since ended with, what is served, all of these with what they were
 * made from; and the student before the one that is served. Records go first and bytes last: broken off anywhere, what is left is whole or is not
 * taken from the cache. Nothing may run meanwhile.
 */
export async function prune(artifacts: Artifacts, before: Date, dryRun: boolean): Promise<Pruned> {
  const manifests = new Map<string, Manifest>();
  const needed = new Set<string>();
  for await (const batch of batches(artifacts.list('manifests/')))
    await Promise.all(
      batch.map(async ({ key, at }) => {
        const manifest = (await artifacts.getDocument(key)) as Manifest | null;
        const digest = digestOfManifest(key);
        if (manifest === null || digest === undefined) return;
        manifests.set(digest, manifest);
        if (at >= before) needed.add(digest);
      }),
    );
  const { steps, roots, alone } = await records(artifacts, before);
  for (const { digest } of roots) needed.add(digest);
  // A set takes what is added while it is walked.
  for (const digest of needed)
    for (const ref of Object.values(manifests.get(digest)?.madeBy.inputs ?? {})) needed.add(ref.digest);
  for (const { digest } of alone) needed.add(digest);

  const bytes = new Set<string>();
  for (const digest of needed) for (const file of manifests.get(digest)?.files ?? []) bytes.add(blobKey(file.sha256));
  const goes = [...manifests.keys()].filter((digest) => !needed.has(digest));
  const result: Pruned = { removed: goes.length, removedBytes: 0, kept: manifests.size - goes.length, keptBytes: 0 };
  const blobs: string[] = [];
  for await (const { key, bytes: size, at } of artifacts.list('artifacts/')) {
    // Bytes without a manifest may be of one that is being written.
    const stays = bytes.has(key) || at >= before;
    result[stays ? 'keptBytes' : 'removedBytes'] += size;
    if (!stays) blobs.push(key);
  }
  if (dryRun) return result;
  await artifacts.remove(steps.filter(({ of }) => of.some(({ digest }) => !needed.has(digest))).map(({ key }) => key));
  await artifacts.remove(goes.map(manifestKey));
  await artifacts.remove(blobs);
  return result;
}

/** What documents name: `roots` are needed with what they were made from, `alone` without; `steps` are the old records, which stay if what they name does. */
async function records(
  artifacts: Artifacts,
  before: Date,
): Promise<{ steps: { key: string; of: Ref[] }[]; roots: Ref[]; alone: Ref[] }> {
  const steps: { key: string; of: Ref[] }[] = [];
  const roots: Ref[] = [];
  const alone: Ref[] = [];
  for await (const batch of batches(artifacts.list('steps/')))
    await Promise.all(
      batch.map(async ({ key, at }) => {
        const of = refsIn(await artifacts.getDocument(key));
        if (at >= before) roots.push(...of);
        else steps.push({ key, of });
      }),
    );
  for await (const { key } of artifacts.list('runs/'))
    if (!isArm(key)) roots.push(...refsIn(await artifacts.getDocument(key)));
  // Newest first (pointers.ts).
  let version = 0;
  for await (const { key, at } of artifacts.list(`pointers/${servingPointer}/`)) {
    version += 1;
    const of = refsIn(await artifacts.getDocument(key));
    if (version === 1) roots.push(...of);
    else if (version === 2 || at >= before) alone.push(...of);
  }
  return { steps, roots, alone };
}

/** Arms of paper runs recorded their ends once, below their profile's; the paper run keeps what it needs of them. */
function isArm(key: string): boolean {
  return key.split('/').length > 3;
}

/** Every reference in a document, wherever in it. */
function refsIn(value: unknown): Ref[] {
  if (value === null || typeof value !== 'object') return [];
  const { kind, digest } = value as Partial<Ref>;
  if (typeof digest === 'string' && typeof kind === 'string' && Object.hasOwn(kinds, kind)) return [{ kind, digest }];
  return Object.values(value).flatMap(refsIn);
}

async function* batches<T>(all: AsyncIterable<T>): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const one of all) {
    batch.push(one);
    if (batch.length < READS_AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
