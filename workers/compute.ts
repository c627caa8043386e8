/**
 * The compute process: tensor work, one call at a time. ONNX Runtime blocks the event loop while it runs, so this is a process beside
 * the worker, which heartbeats for it and kills it on cancellation. What activities keep in memory between calls (a learner) lives here.
 */
import { tensorActivities } from '../activities/on-tensor.ts';
import { reportFailure } from '../activities/failures.ts';
import type { FromCompute, ToCompute } from './compute-protocol.ts';
import { sharedDeps } from './shared-deps.ts';

const send = (message: FromCompute): void => {
  // Without a channel the worker is gone, and so is the reason to go on.
  if (!process.connected) process.exit(1);
  process.send?.(message);
};

let current = 0;

const activities: Record<string, ((...args: never[]) => Promise<unknown>) | undefined> = tensorActivities({
  ...sharedDeps(process.env),
  progress: (fraction, message) => send({ kind: 'progress', id: current, fraction, message }),
});

process.on('message', (message: ToCompute) => void answer(message));
process.on('disconnect', () => process.exit(1));
// The worker decides when this process ends: Ctrl-C reaches both.
process.on('SIGINT', () => undefined);
send({ kind: 'ready' });

async function answer({ id, activity, args }: ToCompute): Promise<void> {
  current = id;
  try {
    const run = activities[activity];
    if (!run) throw new TypeError(`this compute process has no activity "${activity}"`);
    const result = await run(...(args as never[]));
    send({ kind: 'done', id, residentBytes: process.memoryUsage.rss(), result });
  } catch (error) {
    send({ kind: 'failed', id, residentBytes: process.memoryUsage.rss(), failure: reportFailure(error) });
  }
}
