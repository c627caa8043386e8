/** What lies in a folder that an operator names. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Names of files in a folder and in its folders, relative to it, sorted. A folder inside that may not be read (a disk's lost+found) has none. */
export function namesUnder(path: string): string[] {
  const inside = readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return [entry.name];
    return readable(join(path, entry.name)).map((name) => `${entry.name}/${name}`);
  });
  return inside.sort();
}

function readable(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return [];
    throw error;
  }
}
