import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { loadConfig } from '../../lib/pipeline/config.ts';
import { armRuns, type PaperPlan } from '../../lib/pipeline/paper.ts';
import { createPaperPlan } from '../../lib/pipeline/paper-plan.ts';
import { type RunProgress, taskQueue } from '../../lib/pipeline/plan.ts';
import type { ControlActivities, StageActivities } from '../../workflows/activities.ts';
import { startScriptedWorker } from './scripted-worker.ts';

const queue = `paper-hold-${randomUUID()}`;
const calls: string[] = [];
const extracted = Promise.withResolvers<void>();

const activities: Partial<ControlActivities & StageActivities> = {
  lookupStep: async () => ({ key: null, code: '', output: null, seconds: 0 }),
  extract: async () => {
    calls.push('extract');
    await extracted.promise;
    return { outputs: { dataset: { kind: 'dataset', digest: 'dataset' } as never }, facts: {}, headline: '' };
  },
  clean: async () => {
    calls.push('clean');
    return { outputs: {}, facts: {}, headline: '' };
  },
};

/** One arm in one lane, its steps on the scripted worker's queue. */
function smallPlan(): PaperPlan {
  const config = loadConfig(join(import.meta.dirname, '../../pipelines.yaml'));
  const plan = createPaperPlan(config, { profile: 'tiny', set: ['paper.arms=[main]'] });
  const [arm] = plan.arms;
  const steps = arm.plan.steps.map((step) => ({ ...step, queue }));
  return { ...plan, lanes: plan.lanes.slice(0, 1), arms: [{ ...arm, plan: { ...arm.plan, steps } }] };
}

describe('a paper run that is held', () => {
  let client: Client;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    ({ client, stop } = await startScriptedWorker(inject('serversEnv'), queue, activities));
  });
  afterAll(async () => {
    extracted.resolve();
    await stop();
  });

  it('holds the arm that runs: its next step waits until the run is resumed', async () => {
    const plan = smallPlan();
    const [{ name }] = armRuns(plan);
    const workflowId = `paper-${randomUUID()}`;
    const run = await client.workflow.start('paper', { workflowId, taskQueue: taskQueue(queue), args: [plan] });
    const arm = client.workflow.getHandle(`${workflowId}/${name}`);
    const held = async () => (await arm.query<RunProgress>('progress')).held;
    await expect.poll(() => calls, { timeout: 20_000 }).toEqual(['extract']);

    await run.executeUpdate('hold', { args: [{ by: 'Ada' }] });
    await expect.poll(held, { timeout: 20_000 }).toBe(true);
    extracted.resolve();
    const extract = async () => (await arm.query<RunProgress>('progress')).steps[0].status;
    await expect.poll(extract, { timeout: 20_000 }).toBe('done');
    expect(calls).toEqual(['extract']);

    await run.executeUpdate('resume', { args: [{ by: 'Ada' }] });
    await expect.poll(() => calls, { timeout: 20_000 }).toEqual(['extract', 'clean']);
    await run.terminate('seen');
  });
});
