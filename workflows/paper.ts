/** A paper run: every arm in every lane as a run of the pipeline, then one table of what they measured, then the verdicts. */
import { ApplicationFailure, CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import { type ArmRun, armRuns, type EndedArm, outOfTime, type PaperPlan, workSeconds } from '../lib/pipeline/paper.ts';
import type { RunResult, StepState } from '../lib/pipeline/plan.ts';
import type { Ref } from '../lib/store/ref.ts';
import type { CollectedArm, PaperActivities } from './activities.ts';
import { type Board, openBoard, runningChildren } from './board.ts';
import { runChild } from './child.ts';
import { rootMessage } from './failure-message.ts';
import type { pipeline } from './pipeline.ts';
import { type Hold, holdable, passOn } from './hold.ts';
import { control, heavy } from './proxies.ts';

/**
 * One arm after another: there is one tensor worker, and it keeps the learner it has in hand. What an arm has made, the next ones take
 * from the step cache. An optional arm that fails is reported, any other ends the run; a run that is started again goes on from there.
 */
export async function paper(plan: PaperPlan): Promise<RunResult> {
  const run = workflowInfo().firstExecutionRunId;
  const arms = armRuns(plan);
  const board = openBoard({ ...plan, steps: [...arms.map(asStep), collecting] }, run);
  const holding = holdable((held, text) => {
    board.setHeld(held, text);
    void passOn(held, runningChildren(board));
  });
  const ended: EndedArm<RunResult>[] = [];
  const notRun: { name: string; why: string }[] = [];

  for (const arm of arms) {
    await holding.passed();
    const why =
      outOfTime(plan, ended, arm) ??
      (await runArm(arm, { board, holding, keep: (result) => ended.push({ arm, result }) }));
    if (why === null) continue;
    notRun.push({ name: arm.name, why });
    board.set(arm.name, { status: 'skipped', endedAt: Date.now(), headline: why });
  }

  board.set(collecting.name, { status: 'running', startedAt: Date.now() });
  const on = (summary: string) => heavy<PaperActivities>('cpu', summary);
  const seconds = workSeconds(ended.map(({ result }) => result));
  const collected = { run, plan, arms: ended.map(collectedArm), notRun, seconds };
  const { arms: measured } = await on('one table of what every arm measured').collectArms(collected);
  const { paper: figures, headline } = await on('intervals and verdicts').judgePaper({ run, plan, arms: measured });
  board.set(collecting.name, { status: 'done', endedAt: Date.now(), headline, outputs: { paper: figures } });

  const outputs: Record<string, Ref> = { arms: measured, paper: figures };
  await control('keep the run').recordRun({ pipeline: plan.pipeline, profile: plan.profile, run, outputs });
  return {
    run,
    pipeline: plan.pipeline,
    profile: plan.profile,
    seed: plan.seed,
    source: plan.source,
    seconds: (Date.now() - workflowInfo().startTime.getTime()) / 1000,
    steps: Object.values(board.states).map((state) => ({ ...state, facts: {} })),
    outputs,
  };
}

const collecting = { name: 'verdicts', uses: 'paper', summary: 'Every table and figure, and a verdict on each claim' };

function asStep({ name, arm, plan }: ArmRun): typeof collecting {
  return { name, uses: arm, summary: `arm ${arm}: ${plan.steps.map((step) => step.name).join(', ')}` };
}

/** Runs an arm to its end; why it gave nothing, or null. Throws where the run cannot do without it. */
async function runArm(
  arm: ArmRun,
  { board, holding, keep }: { board: Board; holding: Hold; keep: (result: RunResult) => void },
): Promise<string | null> {
  const workflowId = `${workflowInfo().workflowId}/${arm.name}`;
  board.set(arm.name, { status: 'running', startedAt: Date.now(), child: workflowId });
  try {
    const result = await runChild<typeof pipeline>('pipeline', holding, {
      workflowId,
      args: [arm.plan],
      summary: `arm ${arm.arm}, ${arm.world === null ? '' : `world ${arm.world}, `}seed ${arm.seed}`,
    });
    keep(result);
    const status = result.steps.every((step) => step.status === 'cached') ? 'cached' : 'done';
    board.set(arm.name, { status, endedAt: Date.now(), headline: result.steps.at(-1)?.headline ?? '' });
    return null;
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) {
      board.set(arm.name, { status: 'cancelled', endedAt: Date.now(), headline: 'cancelled' });
      throw error;
    }
    const message = rootMessage(error);
    if (arm.optional && !isCancellation(error)) return `it failed: ${message}`;
    board.set(arm.name, { status: 'failed', endedAt: Date.now(), headline: message });
    throw ApplicationFailure.nonRetryable(`arm ${arm.name}: ${message}`, 'StepFailed');
  }
}

function collectedArm({ arm, result }: EndedArm<RunResult>): CollectedArm {
  const { world, seed } = arm;
  return { arm: arm.arm, world, seed, steps: result.steps.map(stepOf) };
}

/** Stages whose facts stand on the page. */
const kept: ReadonlySet<string> = new Set(['extract', 'clean', 'warmstart']);

function stepOf({ name, uses, outputs, facts }: StepState): CollectedArm['steps'][number] {
  return { name, uses, outputs, facts: kept.has(uses) ? facts : {} };
}
