/** The recall server's HTTP interface. Bodies are bounded and validated; answers never echo a reader's text but its queries. */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { z } from 'zod';
import { signalKinds } from '../data/rows.ts';
import { createBatcher, Overloaded } from './batching.ts';
import type { Serving } from './served.ts';
import { recallLimits, recallPaths, type RecallService } from './service.ts';

const requestSchema = z.strictObject({
  reader_id: z.string().min(1).max(200),
  signals: z
    .array(
      z.strictObject({
        kind: z.enum(signalKinds),
        text: z.string().max(recallLimits.text),
        at: z.number(),
      }),
    )
    .max(recallLimits.signals),
  paths: z
    .array(z.enum(recallPaths))
    .min(1)
    .max(recallPaths.length)
    .default([...recallPaths]),
  k: z.number().int().min(1).max(recallLimits.depth).default(50),
});

const READERS_AT_ONCE = 32;
const BODY_BYTES = 512 * 1024;
/** Requests that wait at most: more than a client waits for are answered to nobody. */
const WAITING = 256;
/** Of what is wrong with a body. */
const SAID_ISSUES = 3;
const SAID_CHARACTERS = 500;

/** POST /v1/recall, GET /health, GET /metrics (Prometheus). `serving()` is asked at each request: a promotion takes effect without a restart. `say`: what failed. */
export function createRecallApp(serving: () => Serving, say: (text: string) => void): Hono {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'newshound_recall_requests_total',
    help: 'Recall requests by status',
    labelNames: ['status'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'newshound_recall_seconds',
    help: 'Time to answer a recall request',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [registry],
  });
  const batcher = createBatcher(
    { limit: READERS_AT_ONCE, waiting: WAITING },
    (batch: Parameters<RecallService['recall']>[0][number][]) => serving().service.recall(batch),
  );

  const limit = bodyLimit({
    maxSize: BODY_BYTES,
    onError: (context) => {
      requests.inc({ status: '413' });
      return context.json({ error: `a body may have ${BODY_BYTES / 1024} KB at most` }, 413);
    },
  });

  const app = new Hono();
  app.onError((error, context) => {
    if (error instanceof Overloaded) {
      requests.inc({ status: '503' });
      return context.json({ error: `${WAITING} requests wait already: ask again later` }, 503);
    }
    requests.inc({ status: '500' });
    // The operator's, not the stranger's: it may name files and keys.
    say(`recall failed: ${error.message}`);
    return context.json({ error: 'recall failed' }, 500);
  });
  app.get('/health', (context) => {
    const { student, checkedAt } = serving();
    // Cut off from the store it serves on, and may serve what somebody went back from: this is how to tell.
    const checked = checkedAt === undefined ? {} : { checked_seconds_ago: Math.round((Date.now() - checkedAt) / 1000) };
    return context.json({ status: 'ok', student, ...checked });
  });
  app.get('/metrics', async (context) =>
    context.text(await registry.metrics(), 200, { 'content-type': registry.contentType }),
  );
  app.post('/v1/recall', limit, async (context) => {
    const body: unknown = await context.req.json().catch(() => undefined);
    const parsed = requestSchema.safeParse(body);
    if (!parsed.success) {
      requests.inc({ status: '400' });
      const issues = parsed.error.issues.slice(0, SAID_ISSUES);
      return context.json({ error: z.prettifyError(new z.ZodError(issues)).slice(0, SAID_CHARACTERS) }, 400);
    }
    const { reader_id, signals, paths, k } = parsed.data;
    const end = seconds.startTimer();
    const asked = {
      readerId: reader_id,
      signals: signals.map((signal) => ({ ...signal, articleId: null })).sort((a, b) => a.at - b.at),
      paths,
      depth: k,
    };
    const answer = await batcher.submit(asked, context.req.raw.signal);
    end();
    requests.inc({ status: '200' });
    return context.json({ reader_id, queries: answer.queries, recalled: answer.recalled });
  });
  return app;
}
