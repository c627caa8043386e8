/** Finds a server's binary or makes one: on PATH, cached, the official download, a build from pinned source. */
import { execFile } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { ServerStartFailed } from '../lib/errors.ts';
import { buildTool, goVersion } from './build-tool.ts';
import { downloadTool } from './download-tool.ts';
import { type Environment, toolCacheFolder } from './environment.ts';
import { acquireLock, lockHolder } from './lock.ts';
import type { Say } from './say.ts';
import type { Tool } from './tools.ts';
import { setTimeout as delay } from 'node:timers/promises';

export interface Found {
  path: string;
  from: 'path' | 'cache' | 'download' | 'build';
}

export interface FindOptions {
  env: Environment;
  say: Say;
  /** Ends a build or download that is under way. */
  signal?: AbortSignal;
}

/** The binary of `tool`, made if there is none. Two processes that want the same one do not make it twice. Throws ServerStartFailed. */
export async function findTool(tool: Tool, options: FindOptions): Promise<Found> {
  const { env } = options;
  const onPath = await findOnPath(tool, options);
  if (onPath !== null) return { path: onPath, from: 'path' };
  const cached = cachedPath(tool, env);
  if (isExecutable(cached)) return { path: cached, from: 'cache' };
  mkdirSync(toolCacheFolder(env), { recursive: true });
  return await withBuildLock(tool, `${cached}.lock`, options, async () => {
    if (isExecutable(cached)) return { path: cached, from: 'cache' as const };
    if (await downloadTool(tool, cached, options)) return { path: cached, from: 'download' as const };
    if ((await goVersion(env)) === null) throw nothingToStart(tool);
    await buildTool(tool, cached, options);
    return { path: cached, from: 'build' as const };
  });
}

/** Where the binary is now, on PATH or cached, or null: nothing is made. */
export async function locateTool(tool: Tool, env: Environment): Promise<string | null> {
  const silent: Say = { line: () => undefined, progress: () => undefined };
  const cached = cachedPath(tool, env);
  return (await findOnPath(tool, { env, say: silent })) ?? (isExecutable(cached) ? cached : null);
}

/** Where a tool's binary is kept: the folder is outside the repository, so that every checkout shares it. */
export function cachedPath(tool: Tool, env: Environment): string {
  return join(toolCacheFolder(env), `${tool.name}-${tool.version}-${process.platform}-${process.arch}`);
}

async function findOnPath(tool: Tool, { env, say }: FindOptions): Promise<string | null> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, tool.name);
    if (!isExecutable(path)) continue;
    const text = await versionText(path);
    if (tool.accepts(text)) return path;
    say.line(`${path} is not used: it says "${text.split('\n')[0] ?? ''}", newshound needs ${tool.install}`);
  }
  return null;
}

async function versionText(path: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 10_000 });
    return stdout.trim();
  } catch (error) {
    return `it cannot be run: ${(error as Error).message.split('\n')[0]}`;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs `make` while holding the lock; waits, saying so, while another live process holds it. */
async function withBuildLock<T>(
  tool: Tool,
  path: string,
  { say, signal }: FindOptions,
  make: () => Promise<T>,
): Promise<T> {
  for (let told = false; ; ) {
    const holder = lockHolder(path);
    if (holder === null) {
      const lock = acquireLock(path, `getting ${tool.title}`);
      try {
        return await make();
      } finally {
        lock.release();
      }
    }
    if (!told) say.line(`${tool.title}: another process (pid ${holder.pid}) is getting it; waiting for that`);
    told = true;
    await delay(500, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

function nothingToStart(tool: Tool): ServerStartFailed {
  return new ServerStartFailed(
    tool.title,
    `there is no ${tool.name} on PATH, none could be downloaded, and there is no Go to build it with. ` +
      `Install ${tool.install} or Go 1.25 or later, or name a server that runs already (docs/operations.md, "Your own cluster")`,
  );
}
