/** Keeps a process running: starts it again when it dies, a little later each time, and gives up when it cannot stay up. */
import { setTimeout as delay } from 'node:timers/promises';
import { ServerStartFailed } from '../lib/errors.ts';
import { type Launched, logTail } from './processes.ts';
import type { Say } from './say.ts';

export interface Service {
  name: string;
  logFile: string;
  /** Starts the process and resolves when it is ready to serve. */
  start(): Promise<Launched>;
  /** Wait before the first restart, doubled with every quick death. Default 100. */
  restartDelayMs?: number;
}

export interface KeptAlive {
  readonly name: string;
  /** Pid of the process that runs now, or null between two. */
  pid(): number | null;
  restarts(): number;
  stop(graceMs?: number): Promise<void>;
  /** Resolves, with the reason, when the process has been given up. */
  readonly gaveUp: Promise<ServerStartFailed>;
}

/** A process that lives this long has started well: earlier deaths no longer count. */
const steadyMs = 10_000;
const quickDeathsAllowed = 6;

/** Starts `service` (a first start that fails rejects) and keeps it running until `stop`. `onChange` is called when its pid changes. */
export async function keepAlive(service: Service, say: Say, onChange: () => void): Promise<KeptAlive> {
  const stopping = new AbortController();
  let current: Launched | null = await service.start();
  let restarts = 0;
  let quickDeaths = 0;
  const giveUp = Promise.withResolvers<ServerStartFailed>();

  const loop = (async () => {
    let startedMs = performance.now();
    while (current !== null) {
      const exit = await current.exited;
      current = null;
      if (stopping.signal.aborted) return;
      onChange();
      quickDeaths = performance.now() - startedMs > steadyMs ? 1 : quickDeaths + 1;
      say.line(`${service.name} ended (${exit.signal ?? `exit code ${exit.code}`}); starting it again`);
      while (current === null) {
        if (quickDeaths > quickDeathsAllowed) {
          giveUp.resolve(
            new ServerStartFailed(
              service.name,
              `it ended ${quickDeaths} times in a row. The end of ${service.logFile}:\n${logTail(service.logFile)}`,
            ),
          );
          return;
        }
        await delay((service.restartDelayMs ?? 100) * 2 ** (quickDeaths - 1), undefined, {
          signal: stopping.signal,
        }).catch(() => undefined);
        if (stopping.signal.aborted) return;
        startedMs = performance.now();
        try {
          const started = await service.start();
          // `stop` was called meanwhile and found nothing to stop.
          if (stopping.signal.aborted) return await started.stop();
          current = started;
        } catch (error) {
          quickDeaths += 1;
          say.line(`${service.name} did not start: ${(error as Error).message.split('\n')[0]}`);
        }
      }
      restarts += 1;
      onChange();
    }
  })();

  return {
    name: service.name,
    pid: () => current?.pid ?? null,
    restarts: () => restarts,
    gaveUp: giveUp.promise,
    stop: async (graceMs) => {
      stopping.abort();
      await current?.stop(graceMs);
      await loop;
    },
  };
}

/** Polls `ready` until it holds; throws ServerStartFailed when the process dies first or `timeoutMs` pass. */
export async function waitUntilReady(
  launched: Launched,
  logFile: string,
  timeoutMs: number,
  ready: () => Promise<boolean>,
): Promise<Launched> {
  const deadline = performance.now() + timeoutMs;
  let exited = false;
  void launched.exited.then(() => (exited = true));
  while (!exited && performance.now() < deadline) {
    if (await ready()) return launched;
    await delay(50);
  }
  const why = exited ? 'it ended at once' : `it was not ready within ${timeoutMs / 1000} s`;
  if (!exited) await launched.stop(2_000);
  throw new ServerStartFailed(launched.name, `${why}. The end of ${logFile}:\n${logTail(logFile)}`);
}
