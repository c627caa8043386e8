/**
 * What a step of a paper run takes: seconds on two cores, from its settings. Fitted to profile demo (docs/experiments.md), whose teacher
 * has 1.4M parameters. It decides what is left out before a run begins; while it goes on, what really was needed decides.
 */
import type { PlanStep } from './plan.ts';
import type { Settings } from './stage-settings.ts';

/** Seconds of a list that is sampled and judged, and of one that is learnt from as well. */
const LIST = { sampled: 0.01, rewarded: 0.021, distilled: 0.02 } as const;

/** Seconds of one step of a trained baseline: 128 clicks. */
const BASELINE_STEP = 0.08;

/** Expected seconds of one step. `settings`: of its arm, what the step's own `with` says put in. */
export function stepSeconds({ uses }: Pick<PlanStep, 'uses'>, settings: Settings): number {
  const { source, clean, index, warmstart, teacher, sweep, student, evaluate, measure, rate, promote } = settings;
  const readers = source.trainReaders + source.devReaders + source.testReaders;
  const lists = (rounds: number): number => rounds * teacher.readers * teacher.group * LIST.rewarded;
  switch (uses) {
    case 'extract':
      return 0.5 + 0.0005 * readers;
    case 'clean':
      return 1 + 0.02 * (clean.enabled ? clean.steps : 0);
    case 'index':
      return 1 + 0.015 * index.steps;
    case 'warmstart':
      return (
        1 +
        0.011 *
          warmstart.batch *
          warmstart.listsPerReader *
          (warmstart.steps + (warmstart.studentSteps ?? warmstart.steps))
      );
    case 'teacher': {
      const looks = 2 + Math.floor(teacher.rounds / teacher.evaluateEvery);
      return 2 + lists(teacher.rounds) + looks * teacher.evaluateReaders * LIST.sampled;
    }
    case 'sweep':
      return 60 * sweep.budgetMinutes;
    case 'student':
      return 2 + 2 * student.steps * student.readers * student.group * LIST.distilled;
    case 'evaluate': {
      const { steps, learningRates } = evaluate.baselineTraining;
      const trained = evaluate.baselines.length * learningRates.length * steps * BASELINE_STEP;
      return 5 + trained + 0.06 * Math.min(evaluate.readers, source.testReaders);
    }
    case 'measure': {
      const samples = measure.method === 'best_of' ? Math.max(...measure.bestOf) : 1;
      return 1 + Math.min(measure.readers, source.testReaders) * samples * LIST.sampled;
    }
    case 'rate':
      return 2 + rate.turns * rate.readers * 2 * LIST.sampled;
    case 'promote':
      return 5 + promote.days * (promote.daySeconds + 0.002 * promote.readers);
    case 'publish':
      return 1 + readers * LIST.sampled;
  }
}
