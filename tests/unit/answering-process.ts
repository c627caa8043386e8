/** A compute process for tests: it answers with its pid, holds memory, or dies, as the activity's name says. */
import type { FromCompute, ToCompute } from '../../workers/compute-protocol.ts';

const held: Buffer[] = [];
const send = (message: FromCompute): void => void process.send?.(message);

process.on('disconnect', () => process.exit(1));
process.on('message', ({ id, activity, args }: ToCompute) => {
  if (activity === 'die') process.exit(3);
  if (activity === 'hang') return;
  if (activity === 'hold') held.push(Buffer.alloc(args[0] as number, 1));
  send({ kind: 'progress', id, fraction: 0.5, message: activity });
  send({ kind: 'done', id, residentBytes: process.memoryUsage.rss(), result: process.pid });
});
send({ kind: 'ready' });
