import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPlan, loadConfig, parseConfig } from '../../lib/pipeline/config.ts';
import { armRuns, outOfTime, type PaperPlan, workSeconds } from '../../lib/pipeline/paper.ts';
import { createPaperPlan, expectedSeconds } from '../../lib/pipeline/paper-plan.ts';
import { settingsRead } from '../../lib/pipeline/reads.ts';

const file = join(import.meta.dirname, '../../pipelines.yaml');
const config = loadConfig(file);
const planned = (profile: string, ...set: string[]): PaperPlan => createPaperPlan(config, { profile, set });
const armNamed = (plan: PaperPlan, name: string) => plan.arms.find((arm) => arm.name === name);

describe('the plan of a paper run', () => {
  it('of profile full fits into six hours: three seeds in two worlds, 2,000 test readers in each', () => {
    const plan = planned('full');
    expect(plan.lanes.map(({ world, seed }) => `${world} ${seed}`)).toEqual([
      '2032 1',
      '2033 1',
      '2032 2',
      '2033 2',
      '2032 3',
      '2033 3',
    ]);
    expect(plan.source.testReaders).toBe(2000);
    expect(plan.shrunk).toEqual([]);
    expect(expectedSeconds(plan)).toBeLessThan(6 * 3600);
  });

  it('counts a step that arms share once: an ablated teacher costs its own rounds, not its warm start', () => {
    const plan = planned('full');
    const main = armNamed(plan, 'main')?.seconds ?? 0;
    const ablated = armNamed(plan, 'without_cov')?.seconds ?? 0;
    const uncleaned = armNamed(plan, 'uncleaned')?.seconds ?? 0;
    const alone = armNamed(planned('full', 'paper.arms=[without_cov]'), 'without_cov')?.seconds ?? 0;
    expect(ablated).toBeLessThan(main / 2);
    expect(ablated).toBeLessThan(uncleaned);
    expect(alone).toBeGreaterThan(ablated);
  });

  it('refuses a seed twice, and a seed or a world that is not the paper’s', () => {
    expect(() => planned('tiny', 'paper.seeds=[1,1]')).toThrow(
      /paper\.seeds must not hold a number twice, as \[1,1\] does/,
    );
    expect(() => planned('tiny', 'paper.seeds=[]')).toThrow(/paper\.seeds must hold 1 at least, not \[\]/);
    expect(() => planned('tiny', 'source.worldSeed=5')).toThrow(/Write --set paper\.worlds=\[2032,2033\]/);
  });

  it('keeps fewer hours by leaving out seeds down to two, then readers, optional arms, and the second seed, and says so', () => {
    const seeds = planned('full', 'paper.hours=3');
    expect(seeds.shrunk).toEqual(['seed 3 was left out']);
    expect(new Set(seeds.lanes.map(({ seed }) => seed))).toEqual(new Set([1, 2]));

    const least = planned('full', 'paper.hours=0.5');
    expect(least.shrunk.slice(0, 3)).toEqual([
      'seed 3 was left out',
      'test readers of a world: 1000 instead of 2000',
      'arm without_pages was left out',
    ]);
    expect(least.shrunk.at(-1)).toBe('seed 2 was left out: of one seed no claim can be told');
    expect(least.arms.every(({ optional }) => !optional)).toBe(true);
    expect(armNamed(least, 'main')?.plan.settings.source.testReaders).toBe(1000);
  });

  it('gives an arm’s own settings the last word, and the command line the others', () => {
    const plan = planned('tiny', 'teacher.weights.cov=0.5', 'teacher.rounds=7');
    expect(armNamed(plan, 'without_cov')?.plan.settings.teacher).toMatchObject({ rounds: 7, weights: { cov: 0 } });
    expect(armNamed(plan, 'without_div')?.plan.settings.teacher.weights).toMatchObject({ cov: 0.5, div: 0 });
  });

  it('runs only the steps that an arm is for, in the lane’s world and with its seed', () => {
    const runs = armRuns(planned('tiny', 'paper.worlds=[5,6]', 'paper.seeds=[8,9]', 'paper.arms=[jsd]'));
    expect(runs.map(({ name }) => name)).toEqual(['jsd-5-8', 'jsd-6-8', 'jsd-5-9', 'jsd-6-9']);
    expect(runs[1].plan.steps.map(({ name }) => name)).toEqual([
      'extract',
      'clean',
      'index',
      'warmstart',
      'teacher',
      'student',
      'measure_student',
    ]);
    expect(runs[1].plan).toMatchObject({
      seed: 8,
      settings: { source: { worldSeed: 6 }, student: { divergence: 'jsd' } },
    });
    expect(runs[1].plan.steps[0].settings).toMatchObject({ worldSeed: 6 });
  });

  it('of a MIND folder has no world, and names the arms that clicks alone cannot test', () => {
    const plan = planned('mind', 'source.path=somewhere', 'paper.arms=[main,clicks_only]');
    expect(plan.set).toEqual(['paper.arms=[main,clicks_only]']);
    expect(plan.notAsked).toContain('best_of');
    expect(plan.impossible).toEqual(['clicks_only']);
  });

  it('of a MIND folder runs every seed once', () => {
    const plan = planned('mind', 'source.path=somewhere');
    expect(plan.notAsked).toEqual([]);
    expect(plan.lanes).toEqual([1, 2, 3].map((seed) => ({ world: null, seed })));
    expect(plan.impossible).toEqual(['ab_test', 'clicks_only', 'without_searches', 'without_pages']);
    expect(armRuns(plan)[0].name).toBe('main-1');
  });

  it.each([
    ['paper.arms=[without_covv]', /there is no arm "without_covv"\. Did you mean "without_cov"\?/],
    ['seed=4', /a paper run has several seeds\. Write --set paper\.seeds/],
    ['paper.hours=0', /paper\.hours must be above 0/],
  ])('with --set %s is refused', (word, message) => {
    expect(() => planned('tiny', word)).toThrow(message);
  });

  it('is not run as an ordinary pipeline', () => {
    expect(() => createPlan(config, { pipeline: 'paper', profile: null, set: [] })).toThrow(/newshound paper/);
  });

  it.each([
    ['ends: [evaluate] }', 'ends: [evaluat] }', /"evaluat" is no step\. Did you mean "evaluate"\?/],
    ['weights: { cov: 0 }', 'weights: { covv: 0 }', /teacher\.weights has no setting "covv"/],
    ['name: without_div,', 'name: without_cov,', /there are two arms named "without_cov"/],
    ['only: world', 'only: words', /only must be one of world, mind, warehouse/],
  ])('with %s instead is refused with its place', (from, to, message) => {
    const text = readFileSync(file, 'utf8').replace(from, to);
    expect(() => parseConfig(text, 'pipelines.yaml')).toThrow(message);
    expect(() => parseConfig(text, 'pipelines.yaml')).toThrow(/^pipelines\.yaml:\d+:\d+: /);
  });
});

describe('what a step sees of the settings', () => {
  it('is its section, and of others the parts that it reads', () => {
    const { settings } = armRuns(planned('tiny'))[0].plan;
    const seen = settingsRead(settings, ['warmstart', 'teacher.rollout', 'teacher.judge']);
    expect(seen).toEqual({
      warmstart: settings.warmstart,
      teacher: { rollout: settings.teacher.rollout, judge: settings.teacher.judge },
    });
  });
});

describe('work behind arms', () => {
  it('counts a shared step once, reused or not', () => {
    const step = (key: string, seconds: number) => ({ work: { key, seconds } });
    expect(
      workSeconds([{ steps: [step('a', 5), step('b', 2)] }, { steps: [step('a', 5), step('c', 1), { work: null }] }]),
    ).toBe(8);
  });
});

describe('the hours of a paper run', () => {
  const plan = planned('full', 'paper.hours=1');
  const runs = armRuns(plan);
  const ended = (count: number, factor: number) =>
    runs.slice(0, count).map((arm) => ({
      arm,
      result: { steps: [{ work: { key: arm.name, seconds: factor * arm.seconds } }] },
    }));

  it('are kept by not starting an arm that would end after them, by what the arms before it really took', () => {
    const [next] = runs.slice(2);
    const later = { ...next, seed: next.seed + 1 };
    expect(outOfTime(plan, ended(2, 1), later)).toBeNull();
    expect(outOfTime(plan, ended(2, 9), later)).toMatch(
      /^the 1 hours do not suffice: \d\.\d+ h are spent, it would need/,
    );
  });

  it('never stop what the first lane needs', () => {
    expect(outOfTime(plan, ended(2, 100), runs[2])).toBeNull();
    expect(outOfTime(plan, ended(2, 100), { ...runs[2], optional: true })).not.toBeNull();
  });
});
