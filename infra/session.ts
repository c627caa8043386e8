/** One newshound at work in a state folder: the lock, the guard, the servers, and the record of what runs. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../lib/errors.ts';
import type { Environment } from './environment.ts';
import type { KeptAlive } from './keep-alive.ts';
import { acquireLock } from './lock.ts';
import { type Guard, processStart, startGuard } from './processes.ts';
import { endLeftovers, forgetRunning, type Running, writeRunning } from './running.ts';
import type { Say } from './say.ts';
import { openS3, type Server, type Servers, startServers } from './servers.ts';

export interface SessionOptions {
  stateFolder: string;
  env: Environment;
  say: Say;
  /** For whoever is kept waiting by the lock: 'running pipeline nightly'. */
  doing: string;
  /** Take any free ports, not the usual ones. */
  anyPort?: boolean;
  /** Gives up the start, with this signal's reason. */
  signal?: AbortSignal;
}

export interface Session {
  readonly stateFolder: string;
  readonly servers: Servers;
  readonly guard: Guard;
  /** Puts further processes (workers) into the record of what runs. */
  track(processes: readonly KeptAlive[]): void;
  /** Writes the record again: to be called when a process was started anew. */
  record(): void;
  /** Pids of everything that was started and runs now; each leads a process group. */
  pids(): number[];
  /** Stops the servers and lets the state folder go. */
  close(): Promise<void>;
}

/** Path of the lock that makes a second newshound in the same state folder refuse. */
export function lockPath(stateFolder: string): string {
  return join(stateFolder, 'lock');
}

/** Takes the state folder and starts the servers. Throws AlreadyRunning before anything is touched; ServerStartFailed, PortTaken. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { stateFolder } = options;
  return await withClaim(options, async ({ guard, since, letGo }) => {
    const tracked: KeptAlive[] = [];
    let record = (): void => undefined;
    const servers = await startServers({ ...options, guard, onChange: () => record() });
    for (const server of [servers.temporal, servers.s3]) if (server.process !== null) tracked.push(server.process);
    record = () => writeDown(options, { since, env: servers.env, uiUrl: servers.temporal.uiUrl }, tracked);
    record();
    return {
      stateFolder,
      servers,
      guard,
      track: (processes) => {
        tracked.push(...processes);
        record();
      },
      record: () => record(),
      pids: () => tracked.flatMap((kept) => kept.pid() ?? []),
      close: async () => {
        record = () => undefined;
        await servers.stop().finally(letGo);
      },
    };
  });
}

/** Takes the state folder and starts its S3 server alone: for reading what is stored. Throws as `openSession` does. */
export async function openStorage(options: SessionOptions): Promise<Pick<Server, 'env'> & { close(): Promise<void> }> {
  return await withClaim(options, async ({ guard, since, letGo }) => {
    let record = (): void => undefined;
    const s3 = await openS3({ ...options, guard, onChange: () => record() });
    const tracked = s3.process === null ? [] : [s3.process];
    record = () => writeDown(options, { since, env: s3.env, uiUrl: null }, tracked);
    record();
    const close = async (): Promise<void> => {
      record = () => undefined;
      await s3.stop().finally(letGo);
    };
    return { env: s3.env, close };
  });
}

/** For other commands, and for the next start. */
function writeDown(
  { stateFolder, say }: SessionOptions,
  { since, env, uiUrl }: Pick<Running, 'since' | 'env' | 'uiUrl'>,
  tracked: readonly KeptAlive[],
): void {
  const processes = tracked.flatMap((kept) => {
    const pid = kept.pid();
    return pid === null ? [] : [{ name: kept.name, pid, processStart: processStart(pid) ?? '' }];
  });
  const { AWS_SECRET_ACCESS_KEY: _secret, AWS_ACCESS_KEY_ID: _id, ...known } = env;
  try {
    writeRunning(stateFolder, { pid: process.pid, since, env: known, uiUrl, processes });
  } catch (error) {
    // A full disk ends the step that meets it, not everything.
    say.line(`What runs could not be written down: ${(error as Error).message}`);
  }
}

/** What processes that are gone left: scratch folders, named by pid (workers started by hand may be at work here), and how long they waited for S3. */
function sweep(stateFolder: string): void {
  rmSync(join(stateFolder, 'storage-seconds'), { recursive: true, force: true });
  const scratch = join(stateFolder, 'scratch');
  for (const name of existsSync(scratch) ? readdirSync(scratch) : [])
    if (processStart(Number.parseInt(name, 10)) === null) rmSync(join(scratch, name), { recursive: true, force: true });
}

interface Claim {
  guard: Guard;
  /** ISO 8601. */
  since: string;
  /** To be called when everything has been stopped. */
  letGo: () => void;
}

/** Takes the lock, ends what an earlier newshound left, and runs `start`; lets go again if that fails. */
async function withClaim<T>(
  { stateFolder, say, doing }: SessionOptions,
  start: (claim: Claim) => Promise<T>,
): Promise<T> {
  try {
    mkdirSync(stateFolder, { recursive: true });
  } catch (cause) {
    throw new ConfigError(
      `${stateFolder} cannot be made: ${(cause as Error).message}. Set NEWSHOUND_STATE to a folder of yours`,
      { cause },
    );
  }
  const lock = acquireLock(lockPath(stateFolder), doing);
  const guard = startGuard();
  const letGo = () => {
    guard.close();
    forgetRunning(stateFolder);
    lock.release();
  };
  try {
    endLeftovers(stateFolder, say);
    sweep(stateFolder);
    return await start({ guard, since: lock.holder.since, letGo });
  } catch (error) {
    letGo();
    throw error;
  }
}
