/** How long the processes wait for the artifact store: each adds up its own time in a small file, `storageSeconds` adds up the files. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifacts } from '../lib/store/artifacts.ts';
import type { Ref } from '../lib/store/ref.ts';

/** The same store, its calls timed. Calls that overlap count once. The sum is written to STATE/storage-seconds/PID every second. */
export function timedArtifacts(artifacts: Artifacts, stateFolder: string): Artifacts {
  const folder = clockFolder(stateFolder);
  mkdirSync(folder, { recursive: true });
  const clock = { seconds: 0, inFlight: 0, sinceMs: 0, written: 0 };
  const write = () => {
    if (clock.seconds === clock.written) return;
    clock.written = clock.seconds;
    try {
      writeFileSync(join(folder, String(process.pid)), String(clock.seconds));
    } catch {
      // A disk that is full stops the work itself, with a sentence; this is a statistic.
    }
  };
  setInterval(write, 1_000).unref();
  process.on('exit', write);

  const timed =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (clock.inFlight++ === 0) clock.sinceMs = performance.now();
      try {
        return await call(...args);
      } finally {
        if (--clock.inFlight === 0) clock.seconds += (performance.now() - clock.sinceMs) / 1000;
      }
    };
  return {
    ...artifacts,
    put: timed((...args: Parameters<Artifacts['put']>) => artifacts.put(...args)) as Artifacts['put'],
    manifest: timed((ref: Ref) => artifacts.manifest(ref)),
    isStored: timed((ref: Ref) => artifacts.isStored(ref)),
    read: timed((ref: Ref, name: string) => artifacts.read(ref, name)),
    folder: timed((ref: Ref) => artifacts.folder(ref)),
    getDocument: timed((key: string) => artifacts.getDocument(key)),
    putDocument: timed((key: string, value: unknown) => artifacts.putDocument(key, value)),
    createDocument: timed((key: string, value: unknown) => artifacts.createDocument(key, value)),
  };
}

/** Seconds that all processes of this state folder have waited for the store so far: an upper bound, since two may wait at once. */
export function storageSeconds(stateFolder: string): number {
  const folder = clockFolder(stateFolder);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  return names.reduce((sum, name) => sum + (Number(readFileSync(join(folder, name), 'utf8')) || 0), 0);
}

function clockFolder(stateFolder: string): string {
  return join(stateFolder, 'storage-seconds');
}
