/** A pipeline: steps run as soon as what they need has ended, independent ones at the same time. */
import { ApplicationFailure, CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import { hasEnded, readySteps, skipReason } from '../lib/pipeline/dag.ts';
import { settingsRead } from '../lib/pipeline/reads.ts';
import type { Plan, PlanStep, RunResult, StepState } from '../lib/pipeline/plan.ts';
import type { Settings } from '../lib/pipeline/stage-settings.ts';
import type { StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import type { Ref } from '../lib/store/ref.ts';
import { type Board, openBoard, runningChildren } from './board.ts';
import { runChild } from './child.ts';
import { rootMessage } from './failure-message.ts';
import { type Hold, holdable, passOn } from './hold.ts';
import { control, stageActivity, type Worked } from './proxies.ts';

/** A stage that is a workflow of its own: its input, and the short name of the queue of its heavy activities. */
export interface StageRun {
  input: StageInput;
  queue: string;
}

/**
 * Runs a plan. A step that fails stops the start of new ones; those that run go on to their end, since what they make is kept and
 * the next run takes it from the cache. Then the run fails with one message.
 */
export async function pipeline(plan: Plan): Promise<RunResult> {
  const run = workflowInfo().firstExecutionRunId;
  const board = openBoard(plan, run);
  const holding = holdable((held, text) => {
    board.setHeld(held, text);
    void passOn(held, runningChildren(board));
  });
  const taken = plan.takes === null ? {} : await takeOutputs(plan, plan.takes);

  await runSteps(plan, board, holding, (step) => runStep({ plan, step, run, board, holding, taken }));

  const states = plan.steps.map((step) => board.states[step.name]);
  const cancelled = states.find((state) => state.status === 'cancelled');
  const failed = states.filter((state) => state.status === 'failed');
  if (cancelled) CancellationScope.current().cancel();
  if (failed.length > 0) {
    throw ApplicationFailure.nonRetryable(
      failed.map(({ name, headline }) => `step ${name} failed: ${headline}`).join('\n'),
      'StepFailed',
    );
  }
  const outputs = Object.assign({}, ...states.map((state) => state.outputs)) as Record<string, Ref>;
  // An arm is no run that anything is taken from: its paper run keeps what it made.
  if (workflowInfo().parent === undefined)
    await control('keep the run').recordRun({ pipeline: plan.pipeline, profile: plan.profile, run, outputs });
  const seconds = (Date.now() - workflowInfo().startTime.getTime()) / 1000;
  const { source } = plan.settings;
  return {
    run,
    pipeline: plan.pipeline,
    profile: plan.profile,
    seed: plan.seed,
    source,
    seconds,
    steps: states,
    outputs,
  };
}

async function runSteps(
  plan: Plan,
  board: Board,
  holding: Hold,
  start: (step: PlanStep) => Promise<void>,
): Promise<void> {
  const running = new Map<string, Promise<void>>();
  while (!hasEnded(plan.steps, board.statuses())) {
    if (holding.held) {
      await Promise.race([holding.passed(), ...running.values()]).catch(async (error: unknown) => {
        // Cancelled while held: what runs is cancelled too, and the board is to say so before the run ends.
        await Promise.all(running.values());
        throw error;
      });
      continue;
    }
    for (const step of readySteps(plan.steps, board.statuses())) {
      const reason = skipReason(step, board.states, plan.settings);
      if (reason !== null) {
        board.set(step.name, { status: 'skipped', headline: reason });
        continue;
      }
      board.set(step.name, { status: 'running', startedAt: Date.now() });
      running.set(
        step.name,
        start(step).finally(() => running.delete(step.name)),
      );
    }
    if (running.size > 0) await Promise.race(running.values());
  }
}

interface StepRun {
  plan: Plan;
  step: PlanStep;
  run: string;
  board: Board;
  holding: Hold;
  taken: Record<string, Ref>;
}

/** Runs one step to its end, or takes it from the cache. Never throws: how it ended is on the board. */
async function runStep({ plan, step, run, board, holding, taken }: StepRun): Promise<void> {
  const end = (change: Partial<StepState>): void =>
    board.set(step.name, { endedAt: Date.now(), fraction: null, ...change });
  try {
    const asked = {
      run,
      step: step.name,
      stage: step.uses,
      seed: plan.seed,
      settings: settingsOf(plan, step),
      inputs: inputsOf(step, board.states, taken),
    };
    const found = await control(`${step.name}: look in the cache`).lookupStep(asked);
    const { key } = found;
    const work = (seconds: number): StepState['work'] => (key === null ? null : { key, seconds });
    if (found.output !== null) return end({ status: 'cached', ...found.output, work: work(found.seconds) });
    const input: StageInput = { ...asked, code: found.code };
    await holding.passed();
    const { workSeconds: seconds = 0, ...output } = await perform(step, input, board, holding);
    if (key !== null && output.reusable !== false) {
      await control(`${step.name}: keep for the cache`).recordStep({ key, input, output, seconds });
    }
    const { outputs, facts, headline } = output;
    end({ status: 'done', outputs, facts, headline, work: work(seconds) });
  } catch (error) {
    if (isCancellation(error)) end({ status: 'cancelled', headline: 'cancelled' });
    else end({ status: 'failed', headline: rootMessage(error) });
  }
}

async function perform(step: PlanStep, input: StageInput, board: Board, holding: Hold): Promise<Worked<StageOutput>> {
  if (step.runs === 'activity') return await stageActivity(step.queue, step.summary, step.uses)(input);
  const workflowId = `${workflowInfo().workflowId}/${step.name}`;
  board.set(step.name, { child: workflowId });
  return await runChild<(run: StageRun) => Promise<Worked<StageOutput>>>(step.uses, holding, {
    workflowId,
    args: [{ input, queue: step.queue }],
    summary: step.summary,
  });
}

/** What the stage reads, and no more: a setting outside of its cache key cannot decide what it makes. */
function settingsOf({ settings }: Plan, step: PlanStep): Settings {
  return settingsRead({ ...settings, [step.section]: step.settings }, step.reads);
}

function inputsOf(step: PlanStep, states: Board['states'], taken: Record<string, Ref>): Record<string, Ref> {
  const inputs: Record<string, Ref> = {};
  for (const [name, { from }] of Object.entries(step.inputs)) {
    const ref = from === null ? taken[name] : states[from].outputs[name];
    if (ref) inputs[name] = ref;
  }
  return inputs;
}

async function takeOutputs(plan: Plan, { from, outputs }: NonNullable<Plan['takes']>): Promise<Record<string, Ref>> {
  return await control(`outputs of ${from}`).takeOutputs({ pipeline: from, profile: plan.profile, outputs });
}
