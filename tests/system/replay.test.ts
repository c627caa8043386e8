import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, describe, expect, it } from 'vitest';
import * as workflows from '../../workflows/index.ts';

const folder = join(import.meta.dirname, 'histories');
const names = readdirSync(folder).map((file) => file.replace('.json', ''));

interface StoredHistory {
  workflowId: string;
  events: {
    eventId: string;
    eventType: string;
    activityTaskScheduledEventAttributes?: { activityType: { name: string } };
  }[];
}

function stored(name: string): StoredHistory {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as StoredHistory;
}

describe('a stored history', () => {
  let workflowBundle: WorkflowBundle;
  beforeAll(async () => {
    Runtime.install({
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter: 'temporalio_sdk_core=ERROR' } },
    });
    workflowBundle = await bundleWorkflowCode({
      workflowsPath: join(import.meta.dirname, '../../workflows/index.ts'),
      logger: new DefaultLogger('ERROR'),
    });
  });

  it('is there for every workflow', () => {
    expect(names.toSorted()).toEqual(Object.keys(workflows).toSorted());
  });

  it.each(names)('of %s is replayed: a run under way goes on with this code', async (name) => {
    const { workflowId, events } = stored(name);
    await Worker.runReplayHistory({ workflowBundle }, { events }, workflowId);
  });

  it('in which another activity was called is refused', async () => {
    const { workflowId, events } = stored('teacher');
    const scheduled = events.findLast((event) => event.activityTaskScheduledEventAttributes);
    if (!scheduled?.activityTaskScheduledEventAttributes) throw new Error('the history calls no activity');
    scheduled.activityTaskScheduledEventAttributes.activityType.name = 'another';
    await expect(Worker.runReplayHistory({ workflowBundle }, { events }, workflowId)).rejects.toThrow(
      DeterminismViolationError,
    );
  });
});
