import { randomUUID } from 'node:crypto';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { taskQueue } from '../../lib/pipeline/plan.ts';
import type { SweepActivities, TeacherActivities } from '../../workflows/activities.ts';
import { startScriptedWorker } from './scripted-worker.ts';

const queue = `sweep-hold-${randomUUID()}`;

const calls: string[] = [];
/** What an activity waits for before it ends. */
const gates: Record<'warm' | 'update', PromiseWithResolvers<void>> = {
  warm: Promise.withResolvers(),
  update: Promise.withResolvers(),
};
const ref = (kind: string) => ({ kind, digest: kind }) as never;
const stateOf = (round: number) => ({ round }) as never;

const activities: Partial<SweepActivities & TeacherActivities> = {
  bestOf: async () => ({ measured: ref('measured'), headline: 'best of N' }),
  warmArm: async () => {
    calls.push('warm start');
    await gates.warm.promise;
    return { start: ref('model'), parameters: 1 };
  },
  prepareTeacher: async () => {
    calls.push('teacher');
    return { state: stateOf(0) };
  },
  evaluatePolicy: async ({ state }) => ({ state, metrics: {} }),
  update: async ({ batch }) => {
    calls.push(`round ${batch.round}`);
    if (batch.round === 0) await gates.update.promise;
    return { state: stateOf(batch.round + 1), metrics: {} };
  },
  finishTeacher: async () => ({ outputs: { teacher: ref('model') }, facts: {}, headline: '' }),
  measureArm: async ({ model, policy, parameters, seconds }) => ({
    model,
    policy,
    parameters,
    seconds,
    recall10: 0,
    measured: ref('measured'),
  }),
  finishSweep: async ({ arms }) => ({ outputs: {}, facts: { arms: arms.length }, headline: '' }),
};

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

/** What the last signal of a workflow said. */
function lastSignal({ events }: History): unknown {
  const [payload] =
    (events ?? []).findLast((event) => event.workflowExecutionSignaledEventAttributes)
      ?.workflowExecutionSignaledEventAttributes?.input?.payloads ?? [];
  return payload?.data ? JSON.parse(Buffer.from(payload.data).toString()) : null;
}

/** Activities that have ended. */
function doneOf({ events }: History): number {
  return (events ?? []).filter((event) => event.activityTaskCompletedEventAttributes).length;
}

describe('a sweep that is held', () => {
  let client: Client;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    ({ client, stop } = await startScriptedWorker(inject('serversEnv'), queue, activities));
  });
  afterAll(async () => {
    for (const { resolve } of Object.values(gates)) resolve();
    await stop();
  });

  it('holds its arms: none begins to train, and one that trains stops between two rounds', async () => {
    const id = `sweep-${randomUUID()}`;
    const settings = {
      teacher: { shards: 0 },
      sweep: { models: ['small'], concurrency: 1, budgetMinutes: 60, rounds: 2 },
    };
    const input = { run: id, step: 'sweep', stage: 'sweep', seed: 1, code: '', settings, inputs: {} };
    const sweep = await client.workflow.start('sweep', {
      workflowId: id,
      taskQueue: taskQueue(queue),
      args: [{ input, queue }],
    });
    const arm = client.workflow.getHandle(`${id}/small`);
    const teacher = client.workflow.getHandle(`${id}/small/teacher`);
    const hold = async (held: boolean, handles: WorkflowHandle[]) => {
      await sweep.signal('holdChild', held);
      for (const handle of handles)
        await expect.poll(async () => lastSignal(await handle.fetchHistory()), { timeout: 20_000 }).toBe(held);
    };
    await expect.poll(() => calls, { timeout: 20_000 }).toEqual(['warm start']);
    await hold(true, [arm]);
    gates.warm.resolve();
    await expect.poll(async () => doneOf(await arm.fetchHistory()), { timeout: 20_000 }).toBe(1);
    // Answered after what the end of the warm start made the workflow do.
    expect(await arm.executeUpdate('hold', { args: [{ by: 'Ada' }] })).toMatch(/^held/);
    expect(calls).toEqual(['warm start']);

    await hold(false, [arm]);
    await expect.poll(() => calls, { timeout: 20_000 }).toEqual(['warm start', 'teacher', 'round 0']);
    await hold(true, [arm, teacher]);
    gates.update.resolve();
    await expect.poll(async () => doneOf(await teacher.fetchHistory()), { timeout: 20_000 }).toBe(3);
    expect(await teacher.executeUpdate('hold', { args: [{ by: 'Ada' }] })).toMatch(/^held/);
    expect(calls).not.toContain('round 1');

    await sweep.signal('holdChild', false);
    expect((await sweep.result()) as object).toMatchObject({ facts: { arms: 1 } });
    expect(calls).toEqual(['warm start', 'teacher', 'round 0', 'round 1']);
  });
});
