import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { downloadTool } from '../../infra/download-tool.ts';
import { temporalConnection, wholeNumber } from '../../infra/environment.ts';
import { createS3 } from '../../lib/store/s3.ts';
import { cachedPath, findTool } from '../../infra/find-tool.ts';
import { keepAlive } from '../../infra/keep-alive.ts';
import { acquireLock, lockHolder } from '../../infra/lock.ts';
import { choosePort } from '../../infra/ports.ts';
import { launch, processStart, startGuard } from '../../infra/processes.ts';
import { endLeftovers, readRunning, writeRunning } from '../../infra/running.ts';
import { localCredentials } from '../../infra/s3.ts';
import { type Say, spoken } from '../../infra/say.ts';
import { startTemporal } from '../../infra/temporal.ts';
import { tools } from '../../infra/tools.ts';
import { AlreadyRunning, PortTaken, ServerStartFailed } from '../../lib/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'newshound-servers-'));

let count = 0;
function freshFolder(): string {
  const path = join(folder, String(count++));
  mkdirSync(path);
  return path;
}

function listen(): Say & { lines: string[] } {
  const lines: string[] = [];
  return { lines, line: (text) => void lines.push(text), progress: () => undefined };
}

describe('a lock', () => {
  it('refuses a second holder, naming the first', () => {
    const path = join(freshFolder(), 'lock');
    const lock = acquireLock(path, 'running pipeline nightly');
    expect(() => acquireLock(path, 'running pipeline nightly')).toThrow(AlreadyRunning);
    expect(() => acquireLock(path, 'x')).toThrow(new RegExp(`pid ${process.pid}.*running pipeline nightly`));
    lock.release();
    expect(lockHolder(path)).toBeNull();
    acquireLock(path, 'again').release();
  });

  it.each([
    [
      'of a dead process',
      JSON.stringify({ pid: 2 ** 22 - 3, processStart: '1', since: '2026-01-01T00:00:00Z', doing: 'x' }),
    ],
    [
      'of a pid that was used again',
      JSON.stringify({ pid: process.pid, processStart: '1', since: '2026-01-01T00:00:00Z', doing: 'x' }),
    ],
    ['that is no lock', '{"pid": 1'],
  ])('%s is taken over', (_, text) => {
    const path = join(freshFolder(), 'lock');
    writeFileSync(path, text);
    const lock = acquireLock(path, 'running');
    expect(lockHolder(path)?.pid).toBe(process.pid);
    lock.release();
    expect(existsSync(path)).toBe(false);
  });
});

describe('a port', () => {
  it('that is taken is replaced by a free one, and two choosers do not get the same', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const taken = (other.address() as { port: number }).port;
    const chosen = await choosePort('a server', taken, null);
    expect(chosen.port).not.toBe(taken);
    const second = await choosePort('a server', chosen.port, null);
    expect(second.port).not.toBe(chosen.port);
    await expect(choosePort('a server', null, { port: taken, setting: 'NEWSHOUND_X_PORT' })).rejects.toThrow(PortTaken);
    for (const port of [chosen, second]) port.release();
    other.close();
  });
});

describe('a process that newshound starts', () => {
  it('ends when newshound is killed, with everything it started itself', async () => {
    const script = `
      import { launch, startGuard } from ${JSON.stringify(join(import.meta.dirname, '../../infra/processes.ts'))};
      const child = await launch({ name: 'x', command: '/bin/sh', args: ['-c', 'sleep 600 & echo $!; wait'], logFile: process.argv[1] }, startGuard());
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const logFile = join(freshFolder(), 'x.log');
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script, logFile], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
    const pids = [
      Number(printed),
      Number(
        await expect
          .poll(() => readFileSync(logFile, 'utf8'))
          .toMatch(/\d+/)
          .then(() => readFileSync(logFile, 'utf8')),
      ),
    ];
    expect(pids.map(processStart).every((start) => start !== null)).toBe(true);
    parent.kill('SIGKILL');
    await expect.poll(() => pids.map(processStart), { timeout: 10_000 }).toEqual([null, null]);
  });

  it('is ended at the next start when even the guard was killed', async () => {
    const guard = startGuard();
    const stateFolder = freshFolder();
    const child = await launch(
      { name: 'left', command: 'sleep', args: ['600'], logFile: join(stateFolder, 'x.log') },
      guard,
    );
    const started = processStart(child.pid) as string;
    const other = { name: 'reused pid', pid: process.pid, processStart: 'another' };
    writeRunning(stateFolder, {
      pid: 1,
      since: '',
      env: {},
      uiUrl: null,
      processes: [{ name: 'left', pid: child.pid, processStart: started }, other],
    });
    const say = listen();
    endLeftovers(stateFolder, say);
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(say.lines).toEqual([expect.stringContaining(`Ending left (pid ${child.pid})`)]);
    expect(readRunning(stateFolder)).toBeNull();
    guard.close();
  });

  it('is started again when it dies, and given up with the end of its log when it cannot stay up', async () => {
    const guard = startGuard();
    const logFile = join(freshFolder(), 'x.log');
    const start = () =>
      launch({ name: 'flaky', command: '/bin/sh', args: ['-c', 'echo no luck; exit 3'], logFile }, guard);
    const kept = await keepAlive({ name: 'flaky', logFile, start, restartDelayMs: 1 }, listen(), () => undefined);
    const error = await kept.gaveUp;
    expect(error).toBeInstanceOf(ServerStartFailed);
    expect(error.message).toMatch(/flaky could not be started: it ended \d times in a row.*no luck/s);
    await kept.stop();
    guard.close();
  });
});

describe('the Temporal server', () => {
  it.each([
    ['listen tcp 127.0.0.1:41575: bind: address already in use', 3],
    ['the database is from a later version', 1],
  ])('that ends with "%s" is started %i times in all', async (words, times) => {
    const guard = startGuard();
    const stateFolder = freshFolder();
    const binary = join(stateFolder, 'temporal');
    writeFileSync(binary, `#!/bin/sh\necho started >> ${stateFolder}/starts\necho '${words}'\nexit 1\n`, {
      mode: 0o755,
    });
    mkdirSync(join(stateFolder, 'logs'));
    const plan = { binary, stateFolder, port: 1, uiPort: 2, searchAttributes: {} };
    await expect(startTemporal(plan, guard)).rejects.toThrow(ServerStartFailed);
    expect(readFileSync(join(stateFolder, 'starts'), 'utf8').match(/started/g)).toHaveLength(times);
    guard.close();
  });
});

describe('a process that is stopped', () => {
  it('while it is being started again ends too', async () => {
    const guard = startGuard();
    const logFile = join(freshFolder(), 'x.log');
    const starting = Promise.withResolvers<void>();
    const ready = Promise.withResolvers<void>();
    const pids: number[] = [];
    const start = async () => {
      const launched = await launch({ name: 'slow', command: 'sleep', args: ['600'], logFile }, guard);
      if (pids.push(launched.pid) === 2) {
        starting.resolve();
        await ready.promise;
      }
      return launched;
    };
    const kept = await keepAlive({ name: 'slow', logFile, start, restartDelayMs: 1 }, listen(), () => undefined);
    process.kill(kept.pid() as number, 'SIGKILL');
    await starting.promise;
    const stopped = kept.stop();
    ready.resolve();
    await stopped;
    expect(pids.map(processStart)).toEqual([null, null]);
    guard.close();
  });
});

describe('a server binary', () => {
  const executable = '#!/bin/sh\necho "temporal version 1.4.0 (Server 1.28.0, UI 2.3)"\n';

  it('on PATH is used, unless it is too old', async () => {
    const path = freshFolder();
    writeFileSync(join(path, 'temporal'), executable, { mode: 0o755 });
    expect(
      await findTool(tools.temporal, { env: { PATH: path, XDG_CACHE_HOME: freshFolder() }, say: listen() }),
    ).toEqual({
      path: join(path, 'temporal'),
      from: 'path',
    });
    const old = freshFolder();
    writeFileSync(join(old, 'temporal'), executable.replace('Server 1.28.0', 'Server 1.20.1'), { mode: 0o755 });
    const env = { PATH: old, XDG_CACHE_HOME: freshFolder() };
    mkdirSync(join(env.XDG_CACHE_HOME, 'newshound'));
    writeFileSync(cachedPath(tools.temporal, env), executable, { mode: 0o755 });
    const say = listen();
    expect((await findTool(tools.temporal, { env, say })).from).toBe('cache');
    expect(say.lines.join()).toContain('Server 1.20.1');
  });

  it('that is nowhere, without Go to build it, is one clear error', async () => {
    const tool = { ...tools.versitygw, downloads: {} };
    const finding = findTool(tool, { env: { PATH: freshFolder(), XDG_CACHE_HOME: freshFolder() }, say: listen() });
    await expect(finding).rejects.toThrow(/versitygw on PATH.*Install.*Go 1.25/s);
  });

  it('whose download has another digest than the pinned one is thrown away', async () => {
    const target = join(freshFolder(), 'versitygw');
    const say = listen();
    const answer = (async () => new Response('not the archive')) as typeof fetch;
    const tool = {
      ...tools.versitygw,
      downloads: {
        [`${process.platform}-${process.arch}`]: { url: 'https://example.test/x', sha256: 'ab', member: 'x' },
      },
    };
    expect(await downloadTool(tool, target, { say }, answer)).toBe(false);
    expect(say.lines.join()).toContain(createHash('sha256').update('not the archive').digest('hex'));
    expect(existsSync(target)).toBe(false);
  });
});

describe('secrets', () => {
  it('of the local S3 server are made once and readable by their owner only', () => {
    const stateFolder = freshFolder();
    const made = localCredentials(stateFolder);
    expect(localCredentials(stateFolder)).toEqual(made);
    expect(statSync(join(stateFolder, 'credentials')).mode & 0o777).toBe(0o600);
    expect(readdirSync(stateFolder)).toEqual(['credentials']);
  });
});

describe('the Temporal connection', () => {
  it('is local and plain by default, and TLS with an API key', () => {
    expect(temporalConnection({})).toEqual({ namespace: 'default', connection: { address: '127.0.0.1:7233' } });
    const env = {
      NEWSHOUND_TEMPORAL_ADDRESS: 'ns.example:7233',
      NEWSHOUND_TEMPORAL_NAMESPACE: 'ns',
      NEWSHOUND_TEMPORAL_API_KEY: 'k',
    };
    expect(temporalConnection(env)).toEqual({
      namespace: 'ns',
      connection: { address: 'ns.example:7233', apiKey: 'k', tls: true },
    });
  });
});

describe('the environment', () => {
  it('is refused with a sentence where it is wrong', () => {
    const cert = { NEWSHOUND_TEMPORAL_TLS_CERT: '/no/such.pem' };
    expect(() => temporalConnection(cert)).toThrow(/TLS_CERT and NEWSHOUND_TEMPORAL_TLS_KEY belong together/);
    expect(() => temporalConnection({ ...cert, NEWSHOUND_TEMPORAL_TLS_KEY: '/no/such.key' })).toThrow(
      /NEWSHOUND_TEMPORAL_TLS_CERT: \/no\/such\.pem cannot be read: ENOENT/,
    );
    expect(() => wholeNumber({ PORT: '70000' }, 'PORT', 1, 65_535)).toThrow(
      'PORT must be a whole number from 1 to 65535, not "70000"',
    );
    expect(wholeNumber({ PORT: '80' }, 'PORT', 1, 65_535)).toBe(80);
    const bucket = { NEWSHOUND_S3_BUCKET: 'b' };
    expect(() => createS3({ ...bucket, NEWSHOUND_S3_ENDPOINT: 'nonsense' })).toThrow(/must be an address such as/);
  });

  it('may hold temporary credentials of S3', async () => {
    const { s3 } = createS3({
      NEWSHOUND_S3_BUCKET: 'b',
      AWS_ACCESS_KEY_ID: 'i',
      AWS_SECRET_ACCESS_KEY: 's',
      AWS_SESSION_TOKEN: 't',
    });
    expect(await s3.config.credentials()).toMatchObject({ accessKeyId: 'i', sessionToken: 't' });
  });
});

describe('time', () => {
  it.each([
    [4.4, '4 s'],
    [125, '2 min 05 s'],
    [3840, '1 h 04 min'],
    [59.7, '1 min 00 s'],
  ])('%d is said as %s', (seconds, text) => expect(spoken(seconds)).toBe(text));
});
