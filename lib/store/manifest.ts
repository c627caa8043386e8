/** A manifest says what an artifact is made of and who made it. The artifact's digest covers the former only: the same content is the same artifact. */
import { createHash } from 'node:crypto';
import { arch, cpus, platform } from 'node:os';
import type { Kind, MadeBy } from './ref.ts';

export interface ManifestFile {
  name: string;
  sha256: string;
  bytes: number;
}

export interface Manifest {
  kind: Kind;
  /** By name. */
  files: ManifestFile[];
  madeBy: MadeBy;
  /** Where results equal to the bit can be expected again. */
  machine: { cpu: string; platform: string; node: string; executionProviders: string };
}

/** SHA-256 in hex. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Digest of an artifact: SHA-256 of the JSON of kind and files, files sorted by name, keys in this order, no spaces. */
export function artifactDigest(kind: Kind, files: readonly ManifestFile[]): string {
  return sha256(
    JSON.stringify({
      kind,
      files: sortedFiles(files).map(({ name, sha256: digest, bytes }) => ({ name, sha256: digest, bytes })),
    }),
  );
}

export function sortedFiles(files: readonly ManifestFile[]): ManifestFile[] {
  return [...files].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

export function thisMachine(): Manifest['machine'] {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    platform: `${platform()} ${arch()}`,
    node: process.version,
    executionProviders: process.env['NEWSHOUND_EXECUTION_PROVIDERS'] || 'cpu',
  };
}
