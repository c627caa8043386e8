/** How much of a run's wall time went into running it: Temporal's hops and the artifact store, beside the work itself. */
import type { Client } from '@temporalio/client';
import { taskQueue } from '../lib/pipeline/plan.ts';

/** Milliseconds since 1970. */
export type Span = readonly [start: number, end: number];

interface History {
  /** Work on the cpu and tensor queues, and waiting that the run wants (timers: an A/B test's days). */
  spans: Span[];
  children: { workflowId: string; runId: string | undefined }[];
}

/**
 * Seconds of a finished run in which no stage worked and no timer was waited for, by the histories of its workflow and all its children.
 * What is left is Temporal: queues, workflow tasks, the step cache.
 */
export async function orchestrationSeconds(client: Client, workflowId: string): Promise<number> {
  const { startTime, closeTime } = await client.workflow.getHandle(workflowId).describe();
  const run: Span = [startTime.getTime(), (closeTime ?? new Date()).getTime()];
  const spans: Span[] = [];
  const todo: History['children'] = [{ workflowId, runId: undefined }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const history = await readHistory(client, next.workflowId, next.runId);
    spans.push(...history.spans);
    todo.push(...history.children);
  }
  return (run[1] - run[0] - coveredMs(spans, run)) / 1000;
}

/** Milliseconds of `within` that at least one of the spans covers. */
export function coveredMs(spans: readonly Span[], within: Span): number {
  let covered = 0;
  let reached = within[0];
  for (const [start, end] of spans.toSorted((a, b) => a[0] - b[0])) {
    const from = Math.max(start, reached);
    const to = Math.min(end, within[1]);
    if (to <= from) continue;
    covered += to - from;
    reached = to;
  }
  return covered;
}

async function readHistory(client: Client, workflowId: string, runId: string | undefined): Promise<History> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const heavy = new Set<string>();
  const started = new Map<string, number>();
  const history: History = { spans: [], children: [] };
  const end = (what: string, at: number) => {
    const start = started.get(what);
    if (start !== undefined) history.spans.push([start, at]);
  };
  for (const event of events ?? []) {
    const at = Number(event.eventTime?.seconds ?? 0) * 1000 + (event.eventTime?.nanos ?? 0) / 1e6;
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled && scheduled.taskQueue?.name !== taskQueue('control')) heavy.add(key('activity', event.eventId));
    const start = event.activityTaskStartedEventAttributes;
    if (start && heavy.has(key('activity', start.scheduledEventId)))
      started.set(key('activity', start.scheduledEventId), at);
    const over =
      event.activityTaskCompletedEventAttributes ??
      event.activityTaskFailedEventAttributes ??
      event.activityTaskTimedOutEventAttributes ??
      event.activityTaskCanceledEventAttributes;
    if (over) end(key('activity', over.scheduledEventId), at);
    if (event.timerStartedEventAttributes) started.set(key('timer', event.eventId), at);
    const timer = event.timerFiredEventAttributes ?? event.timerCanceledEventAttributes;
    if (timer) end(key('timer', timer.startedEventId), at);
    const child = event.childWorkflowExecutionStartedEventAttributes?.workflowExecution;
    if (child?.workflowId) history.children.push({ workflowId: child.workflowId, runId: child.runId ?? undefined });
    const again = event.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
    if (again) history.children.push({ workflowId, runId: again });
  }
  return history;
}

/** Event ids are 64-bit: numbers or Long objects. */
function key(kind: 'activity' | 'timer', eventId: unknown): string {
  return `${kind} ${String(eventId)}`;
}
