/** Fetches a server's official build, checked against a pinned SHA-256. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, createWriteStream, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { FindOptions } from './find-tool.ts';
import { spoken } from './say.ts';
import type { Tool } from './tools.ts';

const answerTimeoutMs = 4_000;
const bodyTimeoutMs = 180_000;

/** Downloads `tool` into `target`, atomically. False when there is no official build for this platform or it cannot be had; says why. */
export async function downloadTool(
  tool: Tool,
  target: string,
  { say, signal }: Pick<FindOptions, 'say' | 'signal'>,
  fetchFrom: typeof fetch = fetch,
): Promise<boolean> {
  const download = tool.downloads[`${process.platform}-${process.arch}`];
  if (download === undefined) return false;
  const startedMs = performance.now();
  const aside = mkdtempSync(join(dirname(target), `${tool.name}-download-`));
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(new Error(`no answer within ${answerTimeoutMs / 1000} s`)), answerTimeoutMs);
  try {
    const response = await fetchFrom(download.url, {
      signal: signal === undefined ? abort.signal : AbortSignal.any([abort.signal, signal]),
    });
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(new Error(`not complete within ${bodyTimeoutMs / 1000} s`)), bodyTimeoutMs);
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    const archive = join(aside, 'archive.tar.gz');
    const digest = await save(
      Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]),
      archive,
      (bytes) => say.progress(`  ${tool.title}: ${Math.round(bytes / 2 ** 20)} MB downloaded`),
    );
    if (digest !== download.sha256)
      throw new Error(`its SHA-256 is ${digest}, not the pinned ${download.sha256}; it was thrown away`);
    await promisify(execFile)('tar', ['-xzf', archive, '-C', aside, download.member]);
    const binary = join(aside, download.member);
    chmodSync(binary, 0o755);
    renameSync(binary, target);
    say.line(`Downloaded ${tool.title} in ${spoken((performance.now() - startedMs) / 1000)}`);
    return true;
  } catch (error) {
    signal?.throwIfAborted();
    say.line(`${tool.title}: the official download is not to be had (${reason(error)})`);
    return false;
  } finally {
    clearTimeout(timer);
    rmSync(aside, { recursive: true, force: true });
  }
}

/** Writes the stream to `path`; resolves to its SHA-256 in hex. */
async function save(body: Readable, path: string, onBytes: (total: number) => void): Promise<string> {
  const hash = createHash('sha256');
  let total = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      total += chunk.length;
      onBytes(total);
      done(null, chunk);
    },
  });
  await pipeline(body, meter, createWriteStream(path));
  return hash.digest('hex');
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause.message : '';
  return cause === '' ? error.message : `${error.message}: ${cause}`;
}
