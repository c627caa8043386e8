/** The recall server in a process: a port, and for an A/B test an order from the activity that started it. */
import { serve } from '@hono/node-server';
import type { Hono } from 'hono';
import { z } from 'zod';
import { PortTaken } from '../errors.ts';
import { rolloutSettings } from '../pipeline/policy-settings.ts';
import type { Kind } from '../store/ref.ts';
import { createRecallApp } from './app.ts';
import type { ServedModel, Serving } from './served.ts';

export interface ListenOptions {
  /** 0: any free port. */
  port: number;
  host: string;
  /** The setting that named the port, for the error. */
  setting: string;
  /** Told of what fails. */
  say: (text: string) => void;
}

export interface RecallServer {
  readonly port: number;
  /** Takes no new connections and ends those that are idle, and after 5 s all others. Resolves when all are closed. */
  close(): Promise<void>;
}

/** That requests under way have to end in, when the server closes. */
const CLOSE_MS = 5_000;

/** Serves the recall app. Throws PortTaken. */
export function listen(serving: () => Serving, { port, host, setting, say }: ListenOptions): Promise<RecallServer> {
  const app: Hono = createRecallApp(serving, say);
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, port, hostname: host }, (address) =>
      resolve({
        port: address.port,
        close: () =>
          new Promise((closed) => {
            // Node looks for requests that take too long no longer once it closes: a client that sent half of one would hold it open for ever.
            const late = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), CLOSE_MS);
            server.close(() => {
              clearTimeout(late);
              closed();
            });
            if ('closeIdleConnections' in server) server.closeIdleConnections();
          }),
      }),
    );
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new PortTaken('the recall server', port, setting) : error),
    );
  });
}

/** The environment variable that holds an order as JSON. */
export const orderVariable = 'NEWSHOUND_RECALL_ORDER';

const ref = <K extends Kind>(kind: K) => z.object({ kind: z.literal(kind), digest: z.string() });

const orderSchema = z.object({
  served: z.object({
    student: ref('model'),
    cleaner: ref('cleaner'),
    encoder: ref('encoder'),
    index: ref('index'),
    cleaned: ref('dataset'),
    rollout: rolloutSettings,
  }),
  articles: ref('dataset'),
});

/** One arm of an A/B test: serve this model over the fresh articles of this dataset, on any free port. */
export interface Order {
  served: ServedModel;
  articles: ServedModel['cleaned'];
}

export function parseOrder(json: string): Order {
  return orderSchema.parse(JSON.parse(json));
}
