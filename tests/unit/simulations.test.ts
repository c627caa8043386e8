import { describe, expect, it } from 'vitest';
import { fixedHorizon, peeking } from '../simulations/arms.ts';
import { coverage, verdicts } from '../simulations/claims.ts';
import { promotions } from '../simulations/promotions.ts';
import { countEvents, judge, type Scenario } from '../simulations/simulation.ts';

/**
 * The statistics held against simulated experiments. Seeds are fixed: a pass is a pass everywhere. Replicates are enough that a variance
 * wrong by a fifth fails; `tests/simulations/run.ts` runs more of them and prints the table in docs/experiments.md.
 */
const kept = (scenarios: readonly Scenario[], replicates: number): void => {
  it.each(scenarios.map((scenario) => [scenario.what, scenario] as const))('%s', (_, scenario) => {
    const events = countEvents(scenario, replicates, 1);
    const { low, high, isKept } = judge(scenario, events, replicates, 0.99);
    const interval = `${events / replicates} [${low}, ${high}]`;
    expect(isKept, `${interval} of ${replicates}, but ${scenario.is} ${scenario.promised} is promised`).toBe(true);
  });
};

describe('an A/B test at its planned end', () => kept(fixedHorizon, 4000));

describe('an A/B test that is looked at before its end', () => kept(peeking, 1500));

describe('the verdict of a promotion', () => kept(promotions, 250));

describe('the interval of a paired difference over seeds and readers', () => kept(coverage.ours, 4000));

describe('the verdicts of a family of claims', () => kept(verdicts, 1500));

describe('a simulation', () => {
  it('breaks a promise of .05 with a share of .08', () => {
    const event: Scenario = { what: '.08', promised: 0.08, is: 'equal', replicate: (draw) => draw.uniform() < 0.08 };
    const events = countEvents(event, 4000, 1);
    const isKept = (promised: number, is: Scenario['is']): boolean =>
      judge({ promised, is }, events, 4000, 0.99).isKept;
    expect(isKept(0.08, 'equal')).toBe(true);
    expect(isKept(0.05, 'equal')).toBe(false);
    expect(isKept(0.05, 'at most')).toBe(false);
    expect(isKept(0.05, 'at least')).toBe(true);
  });
});
