/** What steps read from outside the store: model folders and sources. Their fingerprints are part of the cache key. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Outside } from './cache-key.ts';
import type { StageInput } from './stages.ts';

/**
 * Fingerprints of what `input`'s stage reads: model folders by content, a source folder by path, size and time of its files (it may be
 * large). Null: not to be known cheaply (a source on S3) or not here (a folder that the tensor worker's machine alone has), so the step is
 * never reused.
 */
export async function outsideOf(input: StageInput, modelsFolder: string): Promise<Outside | null> {
  const { settings } = input;
  if (input.stage === 'extract' && settings.source.kind !== 'world') {
    const { path } = settings.source;
    return path.startsWith('s3://') || !existsSync(path) ? null : { source: await fileTimes(path) };
  }
  if (input.stage === 'index' && settings.index.encoder === 'onnx')
    return existsSync(settings.index.path) ? { encoder: await folderDigest(settings.index.path) } : null;
  const names = modelsOf(input);
  if (names.some((name) => !existsSync(modelFolder(name, modelsFolder)))) return null;
  return Object.fromEntries(
    await Promise.all(
      names.map(async (name) => [`model ${name}`, await folderDigest(modelFolder(name, modelsFolder))]),
    ),
  ) as Outside;
}

/** Where a model named in the settings is: a committed base model, or a folder of the operator's. */
export function modelFolder(name: string, modelsFolder: string): string {
  const committed = join(modelsFolder, name);
  return existsSync(committed) ? committed : name;
}

/** Whose tokenizer reads signals in cleaning: all committed base models have the same. */
export const TOKENIZER_OF = 'base-xs';

/** Model names that a stage reads from folders. */
function modelsOf({ stage, settings }: StageInput): string[] {
  if (stage === 'warmstart') return [settings.warmstart.teacher, settings.warmstart.student];
  if (stage === 'sweep') return settings.sweep.models;
  if (stage === 'clean') return [TOKENIZER_OF];
  return [];
}

async function fileTimes(path: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of await filesOf(path)) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${relative(path, file)} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

const knownDigests = new Map<string, string>();

/** SHA-256 of names and contents; files that kept size and time are not read again by this process. */
async function folderDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of await filesOf(path)) {
    const { size, mtimeMs } = statSync(file);
    const seen = `${file} ${size} ${mtimeMs}`;
    const digest = knownDigests.get(seen) ?? (await fileDigest(file));
    knownDigests.set(seen, digest);
    hash.update(`${relative(path, file)} ${digest}\n`);
  }
  return hash.digest('hex');
}

async function fileDigest(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** A folder that may not be read (a disk's lost+found) has none; where it is the source itself, the stage says so, better than the cache could. */
function noneWithoutPermission(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'EACCES') return [];
  throw error;
}

/** Files under `path` (or itself), through links, sorted; none when there is nothing: the stage says that too. */
async function filesOf(path: string, within: readonly string[] = []): Promise<string[]> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return [];
  if (stat.isFile()) return [path];
  // A link to a folder that it lies in would never end.
  const folder = await realpath(path);
  if (within.includes(folder)) return [];
  const names = await readdir(path).catch(noneWithoutPermission);
  const files = await Promise.all(names.map((name) => filesOf(join(path, name), [...within, folder])));
  return files.flat().sort();
}
