/**
 * The programs we are compared with. Each is installed once, in pinned versions, into the cache folder that infra/ keeps its binaries in,
 * outside the repository; one that cannot be had is absent from the results, with the reason.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, toolCacheFolder } from '../infra/environment.ts';
import type { Say } from '../infra/say.ts';
import type { Command } from './contender.ts';

export type PeerName = 'torch' | 'trl' | 'llama.cpp';

/** How a job is started: the interpreter, and what names the installation. */
export interface Installed {
  command: string;
  env: Readonly<Record<string, string>>;
}

/** What it can be told as, and how each of its programs is started. */
export interface Peer {
  title: string;
  install(env: Environment, say: Say): Promise<Installed>;
}

const here = join(import.meta.dirname, 'peers');
const LLAMA = '3.21.1';

export const peers: Readonly<Record<PeerName, Peer>> = {
  torch: { title: 'PyTorch', install: python },
  trl: { title: 'TRL', install: python },
  'llama.cpp': { title: 'llama.cpp', install: nodeLlama },
};

/** Python leaves no compiled files in the repository. */
const noCaches = { PYTHONDONTWRITEBYTECODE: '1' };

/** The command of one of our programs in bench/peers. */
export function peerCommand({ command, env }: Installed, program: string): Command {
  return { command, args: [join(here, program)], env };
}

/** A Python with bench/peers/requirements.txt: that of NEWSHOUND_BENCH_PYTHON, or a virtual environment of our own. */
async function python(env: Environment, say: Say): Promise<Installed> {
  const named = env['NEWSHOUND_BENCH_PYTHON'];
  if (named) return { command: named, env: noCaches };
  const requirements = join(here, 'requirements.txt');
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = join(toolCacheFolder(env), 'peers', `python-${digest}`);
  const own = join(folder, 'bin', 'python');
  // Written last: an installation that was broken off has a Python and no packages.
  const whole = join(folder, 'installed');
  if (!existsSync(whole)) {
    say.line(`PyTorch and TRL are installed into ${folder} (some minutes, once)`);
    // A virtual environment holds its own path, so it is made in place and removed when something fails.
    await madeIn(folder, async () => {
      await command('python3', ['-m', 'venv', '--clear', folder]);
      await command(own, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]);
      writeFileSync(whole, '');
    });
  }
  return { command: own, env: noCaches };
}

/** Packages of prebuilt llama.cpp libraries by platform and architecture of Node. */
const prebuilt: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
  'win32-x64': 'win-x64',
};

async function nodeLlama(env: Environment, say: Say): Promise<Installed> {
  const platform = prebuilt[`${process.platform}-${process.arch}`];
  if (platform === undefined) throw new Error(`node-llama-cpp has no build for ${process.platform}-${process.arch}`);
  const folder = join(toolCacheFolder(env), 'peers', `node-llama-cpp-${LLAMA}`);
  if (!existsSync(folder)) {
    say.line(`llama.cpp is installed into ${folder}`);
    const making = `${folder}.${process.pid}`;
    await madeIn(making, async () => {
      mkdirSync(making, { recursive: true });
      const packages = [`node-llama-cpp@${LLAMA}`, `@node-llama-cpp/${platform}@${LLAMA}`];
      const quiet = ['--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--silent'];
      await command('npm', ['install', '--prefix', making, ...quiet, ...packages]);
      renameSync(making, folder);
    });
  }
  return { command: process.execPath, env: { NEWSHOUND_BENCH_LLAMA: folder } };
}

async function madeIn(folder: string, make: () => Promise<void>): Promise<void> {
  try {
    await make();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Runs to the end; what it printed is in the error when it fails. */
async function command(name: string, args: readonly string[]): Promise<void> {
  const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      output = (output + text.toString()).slice(-2000);
    });
  }
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${name} ${args[0] ?? ''} ended with ${code}: ${output.trim().split('\n').at(-1) ?? ''}`));
    });
  });
}
