/** The recall server as a portal calls it: JSON over HTTP. */
import { z } from 'zod';
import type { Signal } from '../data/rows.ts';
import { type RecallPath, recallLimits } from './service.ts';

const answerSchema = z.object({
  recalled: z.partialRecord(z.enum(['popular', 'last_click', 'queries']), z.array(z.string())),
});

export interface TimedAnswer {
  recalled: Partial<Record<RecallPath, string[]>>;
  /** From the request to the whole answer. */
  latencyMs: number;
}

const TIMEOUT_MS = 30_000;

/** Asks the server at `url` for articles. Rejects when it gives no answer in 30 s, or another than 200. */
export async function askRecall(
  url: string,
  request: { readerId: string; signals: readonly Signal[]; paths: readonly RecallPath[]; depth: number },
  signal: AbortSignal,
): Promise<TimedAnswer> {
  const { readerId, signals, paths, depth } = request;
  const body = JSON.stringify({
    reader_id: readerId,
    signals: signals
      .slice(-recallLimits.signals)
      .map(({ kind, text, at }) => ({ kind, text: text.slice(0, recallLimits.text), at })),
    paths,
    k: depth,
  });
  const begin = performance.now();
  const response = await fetch(`${url}/v1/recall`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  const text = await response.text();
  const latencyMs = performance.now() - begin;
  if (!response.ok) throw new Error(`the recall server answered ${response.status}: ${text.slice(0, 200)}`);
  return { ...answerSchema.parse(JSON.parse(text)), latencyMs };
}
