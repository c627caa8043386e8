import { randomUUID } from 'node:crypto';
import { type Client, type WorkflowHandle, WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { taskQueue } from '../../lib/pipeline/plan.ts';
import { promoteSettings, type PromoteSettings } from '../../lib/pipeline/stage-settings.ts';
import type { StageInput, StageOutput } from '../../lib/pipeline/stages.ts';
import type { Conclusion } from '../../workflows/activities.ts';
import { newHome, newshound } from './command.ts';
import { activities, calls, gates, scripts, served } from './scripted-experiment.ts';
import { startScriptedWorker } from './scripted-worker.ts';

/**
 * The workflow of the A/B test against a real server, its days scripted: what is tested is who may decide what, and when. That the days
 * themselves are served and counted right is tested in promote.test.ts.
 */
const queue = `decisions-${randomUUID()}`;

describe('an A/B test', () => {
  let client: Client;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    ({ client, stop } = await startScriptedWorker(inject('serversEnv'), queue, activities));
  });
  afterAll(() => stop());

  /** `held`: what the run waits for, until its gate is opened. */
  async function start(
    student: keyof typeof scripts,
    settings: Partial<PromoteSettings>,
    held?: 'day 1' | 'swap',
  ): Promise<WorkflowHandle & { open: () => void }> {
    const promote = { ...promoteSettings.parse({}), days: 3, daySeconds: 0, ...settings };
    const run = randomUUID();
    const gate = Promise.withResolvers<void>();
    if (held !== undefined) gates.set(`${run} ${held}`, gate);
    const input = {
      run,
      step: 'promote',
      stage: 'promote',
      seed: 1,
      code: '',
      settings: { promote },
      inputs: { student: { kind: 'model', digest: student } },
    } as unknown as StageInput;
    const handle = await client.workflow.start('promote', {
      workflowId: run,
      taskQueue: taskQueue(queue),
      args: [{ input, queue }],
    });
    return Object.assign(handle, { open: () => gate.resolve() });
  }

  async function conclusionOf(handle: WorkflowHandle): Promise<Conclusion & { days: number }> {
    const { facts } = (await handle.result()) as StageOutput;
    expect(calls).toContain(`stopped ${handle.workflowId}`);
    return facts as unknown as Conclusion & { days: number };
  }

  const refusal = async (update: Promise<unknown>): Promise<string> => {
    const error = await update.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
    return ((error as Error).cause as Error).message;
  };

  const tell = (handle: WorkflowHandle, update: string, request: object): Promise<string> =>
    handle.executeUpdate<string, [object]>(update, { args: [request] });

  async function daysScheduled(handle: WorkflowHandle): Promise<number> {
    const { events } = await handle.fetchHistory();
    return (events ?? []).filter(
      ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name === 'simulateDay',
    ).length;
  }

  /** A run that was held while its first day was going on, which is over now. */
  async function heldOnDayOne(
    student: keyof typeof scripts,
    settings: Partial<PromoteSettings>,
  ): Promise<WorkflowHandle> {
    const handle = await start(student, settings, 'day 1');
    await expect.poll(() => calls.includes(`day 1 of ${handle.workflowId}`), { timeout: 20_000 }).toBe(true);
    expect(await tell(handle, 'hold', { by: 'Ada' })).toMatch(/^held/);
    handle.open();
    await expect
      .poll(async () => (await handle.query<{ fraction: number }>('progress')).fraction, { timeout: 20_000 })
      .toBeGreaterThan(0);
    // By the time of this answer the workflow has done all that the end of the day made it do.
    expect(await tell(handle, 'hold', { by: 'Ada' })).toMatch(/^held/);
    return handle;
  }

  async function awaiting(handle: WorkflowHandle): Promise<void> {
    // Refused until a decision is awaited; an update that changes nothing asks.
    await expect
      .poll(() => refusal(tell(handle, 'decide', { by: 'a test', decision: 'perhaps' })), { timeout: 20_000 })
      .toMatch(/must be "approve" or "reject"/);
    await expect
      .poll(async () => (await handle.query<{ fraction: number }>('progress')).fraction, { timeout: 20_000 })
      .toBe(1);
  }

  it('against the portal without queries is measured to its end: what is served is neither asked for nor changed', async () => {
    const before = calls.filter((call) => call === 'read what is served').length;
    const handle = await start('better', { against: 'no_queries', approval: 'automatic' });
    expect(await conclusionOf(handle)).toMatchObject({ outcome: 'measured', days: 3, decidedBy: 'nobody' });
    expect(calls).not.toContain(`swapped ${handle.workflowId}`);
    expect(calls.filter((call) => call === 'read what is served')).toHaveLength(before);
    const harmful = await start('harmful', { against: 'no_queries' }, 'day 1');
    expect(await refusal(tell(harmful, 'rollback', { by: 'Ada' }))).toMatch(/measured to its planned end/);
    harmful.open();
    expect((await conclusionOf(harmful)).outcome).toBe('rolled_back');
  });

  it('promotes by the setting, where that approves', async () => {
    const conclusion = await conclusionOf(await start('better', { approval: 'automatic' }));
    expect(conclusion).toMatchObject({
      outcome: 'promoted',
      decidedBy: 'setting promote.approval = automatic',
      days: 3,
    });
  });

  it('waits for a person, who may say it twice, and whom nobody overrules', async () => {
    const handle = await start('better', { approval: 'required' }, 'swap');
    await awaiting(handle);
    expect(await refusal(tell(handle, 'decide', { decision: 'approve' }))).toMatch(/say who asks/);
    expect(await tell(handle, 'decide', { by: 'Ada', decision: 'approve', reason: 'numbers' })).toBe('approve by Ada');
    expect(await tell(handle, 'decide', { by: 'Ada', decision: 'approve' })).toBe('approve by Ada');
    expect(await refusal(tell(handle, 'decide', { by: 'Bob', decision: 'reject' }))).toMatch(/Ada has decided already/);
    handle.open();
    expect(await conclusionOf(handle)).toMatchObject({ outcome: 'promoted', decidedBy: 'Ada' });
    expect(calls.filter((call) => call === `swapped ${handle.workflowId}`)).toHaveLength(1);
  });

  it('of several is decided on the command line by its name', async () => {
    const handles = [await start('better', { approval: 'required' }), await start('better', { approval: 'required' })];
    for (const handle of handles) await awaiting(handle);
    const say = async (args: string[]): Promise<string> => {
      const command = newshound(newHome(), args, inject('serversEnv'));
      const code = await command.ended;
      return `${code} ${command.output()}`;
    };
    const [one, other] = handles.map(({ workflowId }) => workflowId);
    const unsaid = await say(['promote', '--by', 'Ada']);
    expect(unsaid).toMatch(/^1 newshound: \d A\/B tests run: say which one, /);
    for (const id of [one, other]) expect(unsaid).toContain(id);
    expect(await say(['promote', 'nothing', '--by', 'Ada'])).toMatch(/^1 .*no A\/B test nothing runs now\. Running: /);
    expect(await say(['promote', one, '--by', 'Ada'])).toBe(`0 ${one}: approve by Ada\n`);
    expect(await say(['reject', other, '--by', 'Bob'])).toBe(`0 ${other}: reject by Bob\n`);
    expect(await conclusionOf(handles[0])).toMatchObject({ outcome: 'promoted', decidedBy: 'Ada' });
    expect(await conclusionOf(handles[1])).toMatchObject({ outcome: 'rejected', decidedBy: 'Bob' });
  });

  it('takes no rollback any more once the student is being promoted', async () => {
    const handle = await start('better', { approval: 'automatic' }, 'swap');
    await expect.poll(() => calls.includes(`swapped ${handle.workflowId}`), { timeout: 20_000 }).toBe(true);
    expect(await refusal(tell(handle, 'rollback', { by: 'Ada' }))).toBe('the student is being promoted');
    handle.open();
    expect((await conclusionOf(handle)).outcome).toBe('promoted');
  });

  it('counts the work of the attempts that gave a result, not what was waited for', async () => {
    const handle = await start('interrupted', { approval: 'automatic' });
    const { workSeconds } = (await handle.result()) as { workSeconds: number };
    expect(workSeconds).toBe(6);
  });

  it('is rejected by a person', async () => {
    const handle = await start('better', { approval: 'required' });
    await awaiting(handle);
    await tell(handle, 'decide', { by: 'Ada', decision: 'reject', reason: 'not on a Friday' });
    const conclusion = await conclusionOf(handle);
    expect(conclusion).toMatchObject({ outcome: 'rejected', decidedBy: 'Ada' });
    expect(conclusion.reasons[0]).toBe('not on a Friday');
    expect(calls).not.toContain(`swapped ${handle.workflowId}`);
  });

  it('that is held after its approval can still be rolled back, and is not served', async () => {
    const handle = await start('better', { approval: 'required' });
    await awaiting(handle);
    await tell(handle, 'hold', { by: 'Ada' });
    await tell(handle, 'decide', { by: 'Ada', decision: 'approve' });
    expect(await tell(handle, 'rollback', { by: 'Bob', reason: 'a complaint' })).toBe('rolled back by Bob');
    expect(await conclusionOf(handle)).toMatchObject({ outcome: 'rolled_back', decidedBy: 'Bob' });
    expect(calls).not.toContain(`swapped ${handle.workflowId}`);
  });

  it('that nobody decides in time ends without a promotion', async () => {
    const handle = await start('better', { approval: 'required', approvalTimeoutHours: 1 / 3600 });
    expect(await conclusionOf(handle)).toMatchObject({
      outcome: 'inconclusive',
      decidedBy: 'time-out of the approval',
    });
    expect(calls).not.toContain(`swapped ${handle.workflowId}`);
  });

  it('refuses a decision before its days are over, and can be rolled back at any time', async () => {
    const handle = await start('better', { approval: 'required', daySeconds: 3600 });
    expect(await refusal(tell(handle, 'decide', { by: 'Ada', decision: 'approve' }))).toMatch(/no decision is awaited/);
    expect(await tell(handle, 'rollback', { by: 'Ada', reason: 'complaints' })).toBe('rolled back by Ada');
    expect(await conclusionOf(handle)).toMatchObject({
      outcome: 'rolled_back',
      reasons: ['complaints'],
      decidedBy: 'Ada',
    });
  });

  it('holds between two days, and goes on', async () => {
    const handle = await heldOnDayOne('same', {});
    expect(await daysScheduled(handle)).toBe(1);
    expect(await tell(handle, 'resume', { by: 'Ada' })).toBe('running');
    expect(await conclusionOf(handle)).toMatchObject({ outcome: 'inconclusive', days: 3 });
  });

  it('that is held on its last day promotes nobody before it goes on', async () => {
    const handle = await heldOnDayOne('better', { approval: 'automatic', days: 1 });
    expect(calls).not.toContain(`swapped ${handle.workflowId}`);
    expect(await tell(handle, 'rollback', { by: 'Ada', reason: 'second thoughts' })).toBe('rolled back by Ada');
    expect(await conclusionOf(handle)).toMatchObject({ outcome: 'rolled_back', decidedBy: 'Ada' });
    expect(calls).not.toContain(`swapped ${handle.workflowId}`);
  });

  it('asks a person about a student that somebody went back from, whatever the setting', async () => {
    served.undone = 'better';
    try {
      const handle = await start('better', { approval: 'automatic' });
      await awaiting(handle);
      await tell(handle, 'decide', { by: 'Ada', decision: 'reject' });
      expect(await conclusionOf(handle)).toMatchObject({ outcome: 'rejected', decidedBy: 'Ada' });
    } finally {
      served.undone = null;
    }
  });

  it('is not lost when the run is cancelled while the student is being promoted', async () => {
    const handle = await start('better', { approval: 'automatic' }, 'swap');
    await expect.poll(() => calls.includes(`swapped ${handle.workflowId}`), { timeout: 20_000 }).toBe(true);
    await handle.cancel();
    handle.open();
    expect((await conclusionOf(handle)).outcome).toBe('promoted');
  });

  it.each([
    ['is rejected where a metric fell', 'worse', 'rejected', 3],
    ['is rolled back by a guardrail on the first day', 'harmful', 'rolled_back', 1],
    ['without a difference is inconclusive', 'same', 'inconclusive', 3],
    ['that somebody else’s promotion overtook is inconclusive', 'contested', 'inconclusive', 3],
  ])('%s', async (_, student, outcome, days) => {
    const handle = await start(student, { approval: 'automatic' });
    expect(await conclusionOf(handle)).toMatchObject({ outcome, days });
  });
});
