/** `newshound artifacts`: what is stored, what it is made of, whether its bytes are right, and what it was made from. */
import { ArtifactMissing, ConfigError } from '../lib/errors.ts';
import { type Artifacts, blobKey, digestOfManifest } from '../lib/store/artifacts.ts';
import type { Manifest } from '../lib/store/manifest.ts';
import { prune } from '../lib/store/prune.ts';
import { type Kind, kinds, type Ref } from '../lib/store/ref.ts';
import { formatTable } from './table.ts';

interface Listed {
  ref: Ref;
  manifest: Manifest;
  at: Date;
}

/** The newest `limit` artifacts (of one kind), newest first. */
export async function listArtifacts(artifacts: Artifacts, kind: string | null, limit: number): Promise<string> {
  if (kind !== null && !Object.hasOwn(kinds, kind)) {
    throw new ConfigError(`there is no kind "${kind}". Kinds: ${Object.keys(kinds).join(', ')}`);
  }
  const entries = await newestFirst(artifacts);
  const rows: string[][] = [];
  for (const { digest, at } of entries) {
    if (rows.length === limit) break;
    const { ref, manifest } = await describe(artifacts, digest, at);
    if (kind !== null && ref.kind !== kind) continue;
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    const { step, run } = manifest.madeBy;
    rows.push([digest.slice(0, 12), ref.kind, step, run.slice(0, 8), size(bytes), at.toISOString().slice(0, 19)]);
  }
  if (rows.length === 0) return 'No artifacts';
  const left = (title: string) => ({ title, align: 'left' as const });
  return formatTable(
    [left('digest'), left('kind'), left('step'), left('run'), { title: 'size', align: 'right' }, left('stored (UTC)')],
    rows,
  );
}

/** The manifest of one artifact: files, maker, settings, inputs. `prefix`: the first characters of its digest. */
export async function showArtifact(artifacts: Artifacts, prefix: string): Promise<string> {
  const { ref, manifest } = await find(artifacts, prefix);
  const files = formatTable(
    [
      { title: 'file', align: 'left' },
      { title: 'size', align: 'right' },
      { title: 'key', align: 'left' },
    ],
    manifest.files.map((file) => [file.name, size(file.bytes), blobKey(file.sha256)]),
  );
  const { settings, ...madeBy } = manifest.madeBy;
  const details = JSON.stringify({ madeBy, machine: manifest.machine, settings }, null, 2);
  return `${ref.kind} ${ref.digest}: ${kinds[ref.kind]}\n\n${files}\n\n${details}`;
}

/** Reads every byte of the artifacts (all of them where none is named) against their digests; the problems found, empty when there are none. */
export async function verifyArtifacts(
  artifacts: Artifacts,
  prefixes: readonly string[],
  tell: (line: string) => void,
): Promise<string[]> {
  const chosen =
    prefixes.length === 0
      ? (await newestFirst(artifacts)).map(({ digest }) => digest)
      : await Promise.all(prefixes.map(async (prefix) => (await find(artifacts, prefix)).ref.digest));
  const problems: string[] = [];
  let files = 0;
  for (const digest of chosen) {
    try {
      const { ref, manifest } = await describe(artifacts, digest, new Date(0));
      for (const { name } of manifest.files) {
        await artifacts.read(ref, name);
        files += 1;
      }
    } catch (error) {
      problems.push((error as Error).message);
      tell((error as Error).message);
    }
  }
  tell(
    `${chosen.length} artifacts, ${files} files read: ${problems.length === 0 ? 'all bytes are right' : `${problems.length} problems`}`,
  );
  return problems;
}

/** What the artifact was made from, and what those were made from, as a tree; a part that occurs twice is written out once, one that was pruned is said to be. */
export async function lineageOf(artifacts: Artifacts, prefix: string): Promise<string> {
  const lines: string[] = [];
  const seen = new Set<string>();
  const visit = async (ref: Ref, as: string, depth: number): Promise<void> => {
    const again = seen.has(ref.digest);
    seen.add(ref.digest);
    const name = `${'  '.repeat(depth)}${as}${ref.kind} ${ref.digest.slice(0, 12)}`;
    const manifest = await artifacts.manifest(ref).catch((error: unknown) => {
      if (error instanceof ArtifactMissing) return null;
      throw error;
    });
    if (manifest === null) {
      lines.push(`${name}  (not stored any more)`);
      return;
    }
    const { madeBy } = manifest;
    const maker = `made by step ${madeBy.step}, code ${madeBy.code.slice(0, 12)}, seed ${madeBy.seed}`;
    lines.push(`${name}  ${again ? '(above)' : maker}`);
    if (again) return;
    for (const [input, made] of Object.entries(madeBy.inputs)) await visit(made, `${input}: `, depth + 1);
  };
  await visit((await find(artifacts, prefix)).ref, '', 0);
  return lines.join('\n');
}

/**
 * Removes what is older than `days` and needed no more (lib/store/prune.ts); says what it removed, or would. `running`: workflows that may be
 * about to take something from the store. Throws ConfigError where there are any.
 */
export async function pruneArtifacts(
  artifacts: Artifacts,
  { days, dryRun, running }: { days: number; dryRun: boolean; running: readonly string[] },
): Promise<string> {
  if (running.length > 0)
    throw new ConfigError(
      `${running.join(', ')} ${running.length === 1 ? 'runs' : 'run'}, and may need what would be removed: prune when nothing runs (newshound status)`,
    );
  const before = new Date(Date.now() - days * 24 * 3600 * 1000);
  const { removed, removedBytes, kept, keptBytes } = await prune(artifacts, before, dryRun);
  return `${dryRun ? 'Would remove' : 'Removed'} ${removed} artifacts (${size(removedBytes)}) older than ${days} ${days === 1 ? 'day' : 'days'} that nothing needs; ${kept} ${dryRun ? 'would stay' : 'stay'} (${size(keptBytes)})`;
}

async function newestFirst(artifacts: Artifacts): Promise<{ digest: string; at: Date }[]> {
  const entries: { digest: string; at: Date }[] = [];
  for await (const { key, at } of artifacts.list('manifests/')) {
    const digest = digestOfManifest(key);
    if (digest !== undefined) entries.push({ digest, at });
  }
  return entries.sort((a, b) => b.at.getTime() - a.at.getTime() || (a.digest < b.digest ? -1 : 1));
}

async function find(artifacts: Artifacts, prefix: string): Promise<Listed> {
  if (!/^[0-9a-f]{4,64}$/.test(prefix)) {
    throw new ConfigError(`"${prefix}" is not the start of a digest: at least 4 of 0-9a-f (newshound artifacts ls)`);
  }
  const found: { digest: string; at: Date }[] = [];
  for await (const { key, at } of artifacts.list(`manifests/${prefix}`)) {
    found.push({ digest: key.slice('manifests/'.length, -'.json'.length), at });
  }
  const [first, second] = found;
  if (first === undefined) throw new ConfigError(`no artifact's digest starts with ${prefix} (newshound artifacts ls)`);
  if (second !== undefined)
    throw new ConfigError(`${found.length} artifacts' digests start with ${prefix}: write more of it`);
  return await describe(artifacts, first.digest, first.at);
}

/** Its kind stands in its manifest, which is read without knowing it, and then checked against it. */
async function describe(artifacts: Artifacts, digest: string, at: Date): Promise<Listed> {
  const document = (await artifacts.getDocument(`manifests/${digest}.json`)) as { kind?: Kind } | null;
  const ref: Ref = { kind: document?.kind ?? 'dataset', digest };
  return { ref, manifest: await artifacts.manifest(ref), at };
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 2 ** 20) return `${(bytes / 1024).toFixed(1)} KiB`;
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
