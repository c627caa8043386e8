/** Builds a server from source: every module version is pinned by go.mod, every byte of it by go.sum. */
import { execFile, spawn } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { ServerStartFailed } from '../lib/errors.ts';
import type { Environment } from './environment.ts';
import type { FindOptions } from './find-tool.ts';
import { spoken } from './say.ts';
import type { Tool } from './tools.ts';

/** The version that `go version` prints, or null when there is no Go. */
export async function goVersion(env: Environment): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('go', ['version'], { env: env as NodeJS.ProcessEnv, timeout: 20_000 });
    return /go version go(\S+)/.exec(stdout)?.[1] ?? null;
  } catch {
    return null;
  }
}

/** Builds `tool` into `target`, atomically: aside, then renamed. Says what it does and how far it is. Throws ServerStartFailed. */
export async function buildTool(tool: Tool, target: string, options: FindOptions): Promise<void> {
  const { env, say, signal } = options;
  const startedMs = performance.now();
  const aside = `${target}.building-${process.pid}`;
  say.line(`Building ${tool.title} from source: about ${minutes(tool.buildMinutes)} on two cores, once`);
  const args = ['build', '-v', '-trimpath', '-ldflags', '-s -w', '-o', aside, tool.package];
  const child = spawn('go', args, {
    cwd: tool.module,
    env: { ...env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'ignore', 'pipe'],
    signal,
  });
  const tail: string[] = [];
  let downloaded = 0;
  let compiled = 0;
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.startsWith('go: downloading ')) downloaded += 1;
    else if (/^[\w.~/-]+$/.test(line)) compiled += 1;
    tail.push(line);
    if (tail.length > 12) tail.shift();
  });
  const ticker = setInterval(() => {
    const elapsed = spoken((performance.now() - startedMs) / 1000);
    const what =
      compiled === 0 ? `downloaded ${downloaded} modules` : `compiled ${compiled} of ${tool.packages} packages`;
    say.progress(`  ${tool.title}: ${what}, ${elapsed}`);
  }, 1000);
  try {
    const code = await new Promise<number | string | null>((settle) => {
      child.once('error', (error) => settle(error.message));
      child.once('close', (exit, signal) => settle(exit ?? signal));
    });
    signal?.throwIfAborted();
    if (code !== 0) {
      throw new ServerStartFailed(
        tool.title,
        `its build failed (${code}):\n${tail.join('\n')}\nThe build needs Go 1.25 or later and a Go module proxy`,
      );
    }
    renameSync(aside, target);
  } finally {
    clearInterval(ticker);
    rmSync(aside, { force: true });
  }
  say.line(`Built ${tool.title} in ${spoken((performance.now() - startedMs) / 1000)}; kept as ${target}`);
}

function minutes(count: number): string {
  return count === 1 ? '1 minute' : `${count} minutes`;
}
