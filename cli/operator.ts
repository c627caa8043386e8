/** What an operator says to what runs: hold, resume, approve, reject, roll back; and the schedules. Temporal's UI offers the same. */
import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { userInfo } from 'node:os';
import { temporalConnection } from '../infra/environment.ts';
import { hasOwnTemporal } from '../infra/servers.ts';
import { ConfigError, NewshoundError } from '../lib/errors.ts';
import { createPlan, loadConfig } from '../lib/pipeline/config.ts';
import { cronProblem } from '../lib/pipeline/pipeline-spec.ts';
import { workflowId } from '../lib/pipeline/plan.ts';
import { pipelineOptions } from './follow.ts';
import { connectTemporal } from './temporal.ts';
import { joinable } from './work.ts';

/** A workflow said no to an operator: the message is its reason. */
export class Refused extends NewshoundError {
  readonly retryable = false;
}

export interface Ask {
  /** Workflow id of the one that is meant; null: every one that runs. */
  id: string | null;
  by: string | null;
  reason: string | null;
}

/** Sends an update to every pipeline (or A/B test) that runs, or to the one that is named; one line for each answer. Throws ConfigError when none runs, Refused. */
export async function tell(
  what: 'pipeline' | 'promote',
  update: string,
  ask: Ask,
  more: object = {},
): Promise<string[]> {
  const client = await connectToRunning();
  const request = {
    ...more,
    by: ask.by ?? userInfo().username,
    ...(ask.reason === null ? {} : { reason: ask.reason }),
  };
  const answers: string[] = [];
  const refusals: string[] = [];
  let cause: unknown;
  // A paper run and the pipeline of its arm are both held.
  const running = await runningOf(client, what === 'pipeline' ? ['pipeline', 'paper'] : ['promote']);
  const name = what === 'pipeline' ? 'pipeline' : 'A/B test';
  if (ask.id !== null && !running.includes(ask.id))
    throw new ConfigError(`no ${name} ${ask.id} runs now. Running: ${running.join(', ') || 'none'}`);
  if (what === 'promote' && ask.id === null && running.length > 1)
    throw new ConfigError(`${running.length} A/B tests run: say which one, ${running.join(' or ')}`);
  for (const id of ask.id === null ? running : [ask.id]) {
    try {
      const answer = await client.workflow.getHandle(id).executeUpdate<string, [object]>(update, { args: [request] });
      answers.push(`${id}: ${answer}`);
    } catch (error) {
      if (!(error instanceof WorkflowUpdateFailedError || error instanceof WorkflowNotFoundError)) throw error;
      cause = error;
      const why =
        error instanceof WorkflowNotFoundError ? 'it has just ended' : (error.cause?.message ?? error.message);
      refusals.push(`${id} refuses: ${why}`);
    }
  }
  // One that cannot be told now, as a test in its days, does not keep another from being told.
  if (answers.length === 0 && refusals.length > 0) throw new Refused(refusals.join('\n'), { cause });
  if (answers.length === 0) throw new ConfigError(`no ${name} runs now (newshound status)`);
  return [...answers, ...refusals];
}

export interface ScheduleRequest {
  config: string;
  pipeline: string;
  profile: string | null;
  set: readonly string[];
  /** Cron line, UTC; null: the pipeline's own. */
  cron: string | null;
}

/** Creates the pipeline's schedule, or replaces it. A run that is still going when the next is due is left to finish. */
export async function createSchedule(request: ScheduleRequest): Promise<string> {
  const config = loadConfig(request.config);
  const plan = createPlan(config, request);
  const cron = request.cron ?? config.pipelines.get(request.pipeline)?.schedule ?? null;
  if (cron === null) {
    throw new ConfigError(
      `pipeline "${request.pipeline}" has no schedule in ${request.config}. Write one there, or name it with --cron`,
    );
  }
  const problem = cronProblem(cron);
  if (problem !== null) throw new ConfigError(problem);
  const client = await connectToRunning();
  const options = {
    spec: { cronExpressions: [cron] },
    action: {
      type: 'startWorkflow' as const,
      workflowType: 'pipeline',
      ...pipelineOptions(plan),
    },
    // A night that the machine slept through is over: the next one comes.
    policies: { overlap: 'SKIP' as const, catchupWindow: '1 minute' as const },
  };
  const scheduleId = workflowId(plan);
  try {
    await client.schedule.create({ scheduleId, ...options });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(scheduleId).update((existing) => ({ ...existing, ...options }));
  }
  const next = (await client.schedule.getHandle(scheduleId).describe()).info.nextActionTimes[0];
  return `Schedule ${scheduleId}: ${cron} (UTC), next ${next?.toISOString() ?? 'never'}. It fires while newshound is up`;
}

/** Deletes the pipeline's schedule. Throws ConfigError when there is none. */
export async function removeSchedule(
  request: Pick<ScheduleRequest, 'config' | 'pipeline' | 'profile'>,
): Promise<string> {
  const scheduleId = workflowId(createPlan(loadConfig(request.config), { ...request, set: [] }));
  const client = await connectToRunning();
  try {
    await client.schedule.getHandle(scheduleId).delete();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError)
      throw new ConfigError(`there is no schedule ${scheduleId}`, { cause: error });
    throw error;
  }
  return `Schedule ${scheduleId} is gone`;
}

/** Ids of the workflows that are under way where the environment leads; none where no Temporal is within reach. */
export async function runsUnderWay(): Promise<string[]> {
  const env = reachable();
  if (env === undefined) return [];
  return await runningOf(await connectTemporal(temporalConnection(env)), ['pipeline', 'paper', 'promote']);
}

async function runningOf(client: Client, types: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  const query = `WorkflowType IN (${types.map((type) => `"${type}"`).join(', ')}) AND ExecutionStatus = "Running"`;
  for await (const { workflowId: id } of client.workflow.list({ query })) ids.push(id);
  return ids;
}

function reachable(): NodeJS.ProcessEnv | undefined {
  return hasOwnTemporal(process.env) ? process.env : joinable(process.env, 'any')?.env;
}

async function connectToRunning(): Promise<Client> {
  const env = reachable();
  if (env === undefined)
    throw new ConfigError(
      'no newshound runs in this folder. Start one (newshound up), or set NEWSHOUND_TEMPORAL_ADDRESS',
    );
  return await connectTemporal(temporalConnection(env));
}
