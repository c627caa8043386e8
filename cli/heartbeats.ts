/** What the running steps report of themselves: the heartbeats of their activities, put into the run's progress. */
import { type Client, defaultPayloadConverter } from '@temporalio/client';
import type { RunProgress, StepState } from '../lib/pipeline/plan.ts';

interface Beat {
  activity: string;
  fraction: number;
  message: string;
}

/** `progress` with the share done and the message of each running step whose activity sends heartbeats. */
export async function withHeartbeats(client: Client, workflowId: string, progress: RunProgress): Promise<RunProgress> {
  const simple = progress.steps.some((step) => step.status === 'running' && step.child === null);
  const beats = simple ? await heartbeatsOf(client, workflowId) : [];
  const steps = await Promise.all(
    progress.steps.map(async (step) => {
      if (step.status !== 'running') return step;
      if (step.child === null) return withBeat(step, beats.find(({ activity }) => activity === step.uses) ?? null);
      // A child workflow knows its own share; of its activities only the message is of interest, and only until it says something.
      if (step.headline !== '') return step;
      const [beat] = await heartbeatsOf(client, step.child);
      return beat === undefined ? step : { ...step, headline: beat.message };
    }),
  );
  return { ...progress, steps };
}

function withBeat(step: StepState, beat: Beat | null): StepState {
  return beat === null ? step : { ...step, fraction: beat.fraction, headline: beat.message || step.headline };
}

async function heartbeatsOf(client: Client, workflowId: string): Promise<Beat[]> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  return (raw.pendingActivities ?? []).flatMap(({ activityType, heartbeatDetails }) => {
    const payload = heartbeatDetails?.payloads?.[0];
    if (!payload) return [];
    const { fraction, message } = defaultPayloadConverter.fromPayload<{ fraction: number; message: string }>(payload);
    return [{ activity: activityType?.name ?? '', fraction, message }];
  });
}
