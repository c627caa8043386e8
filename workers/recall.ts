/**
 * The recall server, a process of its own: ONNX Runtime blocks the event loop while a list is written. Started by hand (or `newshound
 * serve`) it follows `serving/current`. Forked by an A/B test it serves one arm, and ends with the process that forked it.
 */
import { reportFailure } from '../activities/failures.ts';
import { type Environment, wholeNumber } from '../infra/environment.ts';
import { NewshoundError } from '../lib/errors.ts';
import { followServing } from '../lib/serving/follow.ts';
import { openServed } from '../lib/serving/served.ts';
import { listen, orderVariable, parseOrder } from '../lib/serving/server.ts';
import type { Artifacts } from '../lib/store/artifacts.ts';
import { sharedDeps } from './shared-deps.ts';

/** Between two looks at what is promoted. */
const LOOK_EVERY_MS = 3_000;

export interface ServeOptions {
  artifacts: Artifacts;
  threads: number;
  env: Environment;
  say: (text: string) => void;
  /** Ends the server. */
  stopped: AbortSignal;
}

/** Serves what is promoted until `stopped`. NEWSHOUND_RECALL_PORT, default 8088; NEWSHOUND_RECALL_HOST, default 127.0.0.1. Throws ConfigError, PortTaken. */
export async function serveCurrent({ artifacts, threads, env, say, stopped }: ServeOptions): Promise<void> {
  const port = wholeNumber(env, 'NEWSHOUND_RECALL_PORT', 0, 65535) ?? 8088;
  const host = env['NEWSHOUND_RECALL_HOST'] || '127.0.0.1';
  const following = await followServing(artifacts, { threads, everyMs: LOOK_EVERY_MS, say });
  try {
    const server = await listen(following.serving, { port, host, setting: 'NEWSHOUND_RECALL_PORT', say });
    say(
      `Recall server: http://${host}:${server.port}/v1/recall, student ${following.serving().student.slice(0, 12)}; /health and /metrics beside it`,
    );
    await new Promise<void>((ended) => {
      if (stopped.aborted) ended();
      stopped.addEventListener('abort', () => ended(), { once: true });
    });
    await server.close();
  } finally {
    await following.close();
  }
}

/** Serves an order until the parent is gone. Tells it the port, or why not. */
async function serveOrder(json: string): Promise<void> {
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches parent and child: the parent decides.
  process.on('SIGINT', () => undefined);
  try {
    const { served, articles } = parseOrder(json);
    const { artifacts, threads } = sharedDeps(process.env);
    const opened = await openServed(artifacts, served, { threads, articles });
    const { port } = await listen(() => opened, {
      port: 0,
      host: '127.0.0.1',
      setting: 'any free port',
      say: (text) => process.stderr.write(`${text}\n`),
    });
    process.send?.({ kind: 'ready', port });
  } catch (error) {
    process.send?.({ kind: 'failed', failure: reportFailure(error) }, () => process.exit(1));
  }
}

if (import.meta.main) {
  const order = process.env[orderVariable];
  if (order && process.connected) await serveOrder(order);
  else {
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
    try {
      await serveCurrent({
        ...sharedDeps(process.env),
        env: process.env,
        say: (text) => void process.stdout.write(`${text}\n`),
        stopped: stop.signal,
      });
    } catch (error) {
      if (!(error instanceof NewshoundError)) throw error;
      process.stderr.write(`${error.message}\n`);
      process.exit(1);
    }
    process.exit();
  }
}
