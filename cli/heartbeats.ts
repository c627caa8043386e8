/** What the running steps report of themselves, put into the run's progress: child workflows by query, activities by heartbeat. */
import { type Client, defaultPayloadConverter } from '@temporalio/client';
import type { RunProgress, StepState } from '../lib/pipeline/plan.ts';
import type { StageProgress } from '../workflows/training-board.ts';

interface Beat {
  activity: string;
  fraction: number;
  message: string;
}

/** `progress` with the share done and the message of each running step. */
export async function withHeartbeats(client: Client, workflowId: string, progress: RunProgress): Promise<RunProgress> {
  const simple = progress.steps.some((step) => step.status === 'running' && step.child === null);
  const beats = simple ? await heartbeatsOf(client, workflowId) : [];
  const steps = await Promise.all(
    progress.steps.map(async (step) => {
      if (step.status !== 'running') return step;
      if (step.child === null) return withBeat(step, beats.find(({ activity }) => activity === step.uses) ?? null);
      // A child that has not begun, or has just ended, has no answer: its step is shown without one, and the run is none the worse.
      return await withChild(client, step, step.child).catch(() => step);
    }),
  );
  return { ...progress, steps };
}

/** A child workflow knows its own share; what its activity does now stands behind what it has reached. */
async function withChild(client: Client, step: StepState, child: string): Promise<StepState> {
  const answer = await client.workflow.getHandle(child).query<StageProgress | RunProgress>('progress');
  if ('steps' in answer) return { ...step, ...asOneStep((await withHeartbeats(client, child, answer)).steps) };
  const { fraction, headline } = answer;
  const beats = await heartbeatsOf(client, child);
  const now = beats.map(({ message }) => message).find((message) => message !== '');
  return { ...step, fraction, headline: now === undefined ? headline : `${headline}: ${now}` };
}

/** A run of a pipeline that is itself a step (an arm of a paper run). */
function asOneStep(steps: readonly StepState[]): Pick<StepState, 'fraction' | 'headline'> {
  const done = steps.map(({ status, fraction }) =>
    status === 'waiting' ? 0 : status === 'running' ? (fraction ?? 0) : 1,
  );
  const running = steps.filter(({ status }) => status === 'running');
  return {
    fraction: done.reduce((sum, share) => sum + share, 0) / steps.length,
    headline: running.map(({ name, headline }) => (headline === '' ? name : `${name}: ${headline}`)).join('; '),
  };
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
