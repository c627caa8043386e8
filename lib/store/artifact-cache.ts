/** Artifacts unpacked into a folder that processes share. */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, sha256 } from './manifest.ts';

const CACHE_BYTES = 8 * 2 ** 30;

/** Every file there with the right bytes: a cache that was tampered with is filled again. */
export async function isWhole(path: string, manifest: Manifest): Promise<boolean> {
  for (const file of manifest.files) {
    try {
      if (sha256(await readFile(join(path, file.name))) !== file.sha256) return false;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR')
        return false;
      throw error;
    }
  }
  return true;
}

/** Keeps the cache below its size: the folder that was used least recently goes first, never `keep`. */
export async function dropOldest(cacheFolder: string, keep: string): Promise<void> {
  const folders = await Promise.all(
    (await readdir(cacheFolder)).map(async (name) => {
      const path = join(cacheFolder, name);
      const inside = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
      const sizes = await Promise.all(
        inside
          .filter((entry) => entry.isFile())
          .map(async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0),
      );
      // Another process may rename or remove one meanwhile.
      return {
        name,
        path,
        at: (await stat(path).catch(() => null))?.mtimeMs ?? 0,
        bytes: sizes.reduce((sum, size) => sum + size, 0),
      };
    }),
  );
  let total = folders.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { name, path, bytes } of folders.sort((a, b) => a.at - b.at)) {
    if (total <= CACHE_BYTES) return;
    if (name === keep) continue;
    await rm(path, { recursive: true, force: true });
    total -= bytes;
  }
}
