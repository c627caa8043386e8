import { expect, it } from 'vitest';
import { withLimit } from '../../workflows/fan-out.ts';

it('runs so many at a time, and gives results in the order of the items', async () => {
  let running = 0;
  let most = 0;
  const started: number[] = [];
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  const all = withLimit([0, 1, 2, 3], 2, async (item) => {
    started.push(item);
    most = Math.max(most, ++running);
    await gates[item].promise;
    running--;
    return 10 * item;
  });
  expect(started).toEqual([0, 1]);
  for (const item of [1, 2, 0, 3]) gates[item].resolve();
  expect(await all).toEqual([0, 10, 20, 30]);
  expect(started).toEqual([0, 1, 2, 3]);
  expect(most).toBe(2);
});
