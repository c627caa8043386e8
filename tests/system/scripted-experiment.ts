/** The days of A/B tests, and what the store says, as the tests of the workflow want them. */
import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ExperimentState } from '../../lib/method/verdict.ts';
import type { StageOutput } from '../../lib/pipeline/stages.ts';
import type { PromoteActivities } from '../../workflows/activities.ts';

const metric = (mean: number, p: number): ExperimentState['metrics'][string] => ({
  relative: { mean, low: mean - 0.01, high: mean + 0.01 },
  p,
});
const better = { ctr: metric(0.3, 1e-6), dau: metric(0.02, 0.5) };

/** What the days of a test bring, by the student's name; and what the store says when the student is to be promoted. */
export const scripts: Record<
  string,
  { metrics: ExperimentState['metrics']; conflict?: boolean; failsFirst?: boolean }
> = {
  better: { metrics: better },
  interrupted: { metrics: better, failsFirst: true },
  contested: { metrics: better, conflict: true },
  worse: { metrics: { ctr: metric(-0.05, 1e-6), dau: metric(0, 0.9) } },
  harmful: { metrics: { ctr: metric(-0.5, 1e-9) } },
  same: { metrics: { ctr: metric(0.001, 0.8), dau: metric(0, 0.9) } },
};

/** As a worker's results say it. */
const took = { workSeconds: 2 };

export const calls: string[] = [];
/** `undone`: the student that what is served now undid. */
export const served: { undone: string | null } = { undone: null };
/** What a run waits for: its first day, or the swap. */
export const gates = new Map<string, PromiseWithResolvers<void>>();
const passed = (run: string, what: 'day 1' | 'swap'): Promise<void> | undefined => gates.get(`${run} ${what}`)?.promise;
export const activities: PromoteActivities = {
  readServing: async () => {
    calls.push('read what is served');
    return served.undone === null ? null : { value: { undid: served.undone } as never, version: 2 };
  },
  simulateDay: async ({ input, day, share }) => {
    if (scripts[input.inputs.student.digest].failsFirst && activityInfo().attempt === 1)
      throw new Error('the store is away');
    calls.push(`day ${day} of ${input.run}`);
    if (day === 1) await passed(input.run, 'day 1');
    return {
      ...took,
      day,
      share,
      exposures: { kind: 'experiment', digest: String(day) } as never,
      state: {
        finished: day >= input.settings.promote.days,
        readers: { control: 1000, treatment: 1000 },
        srmP: 0.5,
        metrics: scripts[input.inputs.student.digest].metrics,
        ctrAlwaysValidP: scripts[input.inputs.student.digest].metrics.ctr.p,
        errorRate: 0,
        p95Ms: 10,
        errorRateP: 1,
        p95P: 1,
      },
      headline: `day ${day}`,
    };
  },
  stopServing: async ({ input }) => void calls.push(`stopped ${input.run}`),
  swapServing: async ({ input }) => {
    calls.push(`swapped ${input.run}`);
    await passed(input.run, 'swap');
    if (scripts[input.inputs.student.digest].conflict)
      throw ApplicationFailure.nonRetryable('pointer serving/current was changed by somebody else', 'PointerConflict');
    return { value: {} as never, version: 1 };
  },
  finishExperiment: async ({ conclusion, days }): Promise<StageOutput> => ({
    outputs: {},
    facts: { ...conclusion, days: days.length },
    headline: conclusion.outcome,
  }),
};
