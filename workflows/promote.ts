/** The A/B test of a student: days on a ramp under guardrails, a verdict, an approval, and the swap of what is served. */
import { ApplicationFailure, CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import { verdict, type Verdict } from '../lib/method/verdict.ts';
import type { PromoteSettings } from '../lib/pipeline/stage-settings.ts';
import type { StageOutput } from '../lib/pipeline/stages.ts';
import type { Conclusion, DayResult, PromoteActivities } from './activities.ts';
import { openDecisions } from './decisions.ts';
import { rootMessage } from './failure-message.ts';
import { holdable, type Request } from './hold.ts';
import type { StageRun } from './pipeline.ts';
import { heavy, work, type Worked } from './proxies.ts';
import { openTrainingBoard } from './training-board.ts';

export async function promote({ input, queue }: StageRun): Promise<Worked<StageOutput>> {
  const settings = input.settings.promote;
  const board = openTrainingBoard('starting');
  const holding = holdable((_, text) => board.note(text));
  const decisions = openDecisions();
  const on = (summary: string) => heavy<PromoteActivities>(queue, summary);

  const isMeasured = settings.against === 'no_queries';
  const control = isMeasured ? null : await on('what is served now').readServing();
  if (isMeasured) decisions.close('it is measured to its planned end and promotes nothing; to end it, cancel the run');
  try {
    const { days, last } = await experiment();
    const conclusion = await conclude(last);
    decisions.close(`the experiment has ended: ${conclusion.outcome}`);
    // What is served may have changed by now: a cancellation must not lose why.
    const output = await CancellationScope.nonCancellable(() =>
      on('store the experiment').finishExperiment({ input, conclusion, days: days.map(summaryOf) }),
    );
    return work.with({ ...output, reusable: isFinal(conclusion) });
  } finally {
    await CancellationScope.nonCancellable(() => on('stop serving both arms').stopServing({ input }));
  }

  /** Days until the verdict, or a rollback by hand. */
  async function experiment(): Promise<{ days: DayResult[]; last: Verdict }> {
    const days: DayResult[] = [];
    let last: Verdict = { outcome: 'running', reasons: [] };
    while (last.outcome === 'running' && decisions.rollback === null) {
      await Promise.race([holding.passed(), condition(() => decisions.rollback !== null)]);
      const result = await oneDay(days);
      if (result === null) break;
      days.push(result);
      last = verdict(result.state, settings);
      board.show(
        days.length / settings.days,
        `day ${days.length} of ${settings.days}: ${result.headline}`,
        figures(result),
      );
      decisions.describe(`day ${days.length} of ${settings.days} is over, no verdict yet`);
      // Awake at once when somebody rolls back.
      if (last.outcome === 'running') await restOfDay();
    }
    return { days, last };
  }

  async function restOfDay(): Promise<void> {
    if (settings.daySeconds > 0) await condition(() => decisions.rollback !== null, settings.daySeconds * 1000);
  }

  /** Null when a rollback cut the day short. */
  async function oneDay(days: readonly DayResult[]): Promise<DayResult | null> {
    const day = days.length + 1;
    const share = shareOfDay(day, settings);
    const summary = `day ${day}: ${Math.round(100 * share)} % of readers are treated`;
    const scope = new CancellationScope();
    try {
      return await scope.run(() => {
        void condition(() => decisions.rollback !== null).then(
          () => scope.cancel(),
          () => undefined,
        );
        return on(summary).simulateDay({ input, control, day, share, before: days.map(summaryOf) });
      });
    } catch (error) {
      if (isCancellation(error) && decisions.rollback !== null) return null;
      throw error;
    } finally {
      scope.cancel();
    }
  }

  async function conclude(last: Verdict): Promise<Conclusion> {
    if (decisions.rollback !== null) return rolledBack(decisions.rollback);
    const { reasons } = last;
    if (last.outcome === 'rollback') return { outcome: 'rolled_back', reasons, decidedBy: 'guardrail' };
    if (isMeasured) return { outcome: 'measured', reasons, decidedBy: 'nobody' };
    if (last.outcome === 'reject') return { outcome: 'rejected', reasons, decidedBy: 'metrics' };
    if (last.outcome !== 'promote') return { outcome: 'inconclusive', reasons, decidedBy: 'metrics' };
    const { undid, undone = [] } = control?.value ?? {};
    const wasUndone = [undid, ...undone].includes(input.inputs.student.digest);
    if (settings.approval === 'automatic' && !wasUndone)
      return await swap(reasons, 'setting promote.approval = automatic');
    return await approval(wasUndone ? [...reasons, 'it was served before, and somebody went back'] : reasons);
  }

  async function approval(reasons: string[]): Promise<Conclusion> {
    board.note(
      `Awaiting a decision: run "newshound promote" or "newshound reject", or send the update "decide" with {"decision": "approve" | "reject", "by": "you", "reason": "why"}`,
    );
    decisions.open();
    await condition(
      () => decisions.decision !== null || decisions.rollback !== null,
      `${settings.approvalTimeoutHours} hours`,
    );
    board.note('');
    if (decisions.rollback !== null) return rolledBack(decisions.rollback);
    if (decisions.decision === null) {
      const reason = `nobody decided within ${settings.approvalTimeoutHours} hours`;
      return { outcome: 'inconclusive', reasons: [...reasons, reason], decidedBy: 'time-out of the approval' };
    }
    const { decision, by, reason } = decisions.decision;
    if (decision === 'reject')
      return { outcome: 'rejected', reasons: [reason || 'rejected by hand', ...reasons], decidedBy: by };
    return await swap(reason ? [...reasons, reason] : reasons, by);
  }

  /** Somebody else's promotion during the test stands: what was tested against is served no longer. */
  async function swap(reasons: string[], decidedBy: string): Promise<Conclusion> {
    await Promise.race([holding.passed(), condition(() => decisions.rollback !== null)]);
    if (decisions.rollback !== null) return rolledBack(decisions.rollback);
    // From here on it is too late: an accepted rollback that changes nothing would be a lie, and so would a cancellation.
    decisions.close('the student is being promoted');
    try {
      await CancellationScope.nonCancellable(() => on('promote the student').swapServing({ input, expected: control }));
      return { outcome: 'promoted', reasons, decidedBy };
    } catch (error) {
      if (!isPointerConflict(error)) throw error;
      return { outcome: 'inconclusive', reasons: [...reasons, rootMessage(error)], decidedBy: 'compare-and-swap' };
    }
  }
}

function rolledBack({ by, reason }: Request): Conclusion {
  return { outcome: 'rolled_back', reasons: [reason || 'rolled back by hand'], decidedBy: by };
}

/** Of the same student, readers and seed the same would come out. Not so where a machine was slow, or nobody decided. */
function isFinal({ outcome, decidedBy }: Conclusion): boolean {
  return outcome === 'rolled_back' ? decidedBy !== 'guardrail' : outcome !== 'inconclusive';
}

/** The share of readers that is treated on a day: the ramp's phases are equally long. */
export function shareOfDay(day: number, { days, ramp }: Pick<PromoteSettings, 'days' | 'ramp'>): number {
  return ramp[Math.min(ramp.length - 1, Math.floor(((day - 1) * ramp.length) / days))];
}

function summaryOf({ day, share, exposures }: DayResult): Pick<DayResult, 'day' | 'share' | 'exposures'> {
  return { day, share, exposures };
}

function figures({ state, share }: DayResult): Record<string, number> {
  const changes = Object.entries(state.metrics).map(([name, { relative }]) => [`${name} change`, relative.mean]);
  const { control, treatment } = state.readers;
  return {
    'treated share': share,
    'readers in control': control,
    'readers in treatment': treatment,
    'p of the split (SRM)': state.srmP,
    ...(Object.fromEntries(changes.filter(([, change]) => Number.isFinite(change))) as Record<string, number>),
    'error rate': state.errorRate,
    'p95 ms': state.p95Ms,
  };
}

function isPointerConflict(error: unknown): boolean {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (inner instanceof ApplicationFailure && inner.type === 'PointerConflict') return true;
  }
  return false;
}
