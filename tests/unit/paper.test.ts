import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPlan, loadConfig, parseConfig } from '../../lib/pipeline/config.ts';
import { armRuns, outOfTime, type PaperPlan, workSeconds } from '../../lib/pipeline/paper.ts';
import { createPaperPlan, expectedSeconds } from '../../lib/pipeline/paper-plan.ts';
import { settingsRead } from '../../lib/pipeline/reads.ts';
import { Random } from '../../lib/random.ts';
import { abTests } from '../../lib/report/paper/ab-test.ts';
import { paperClaims } from '../../lib/report/paper/claims.ts';
import type { ArmRow, Beside, PaperFigures, RunRecord } from '../../lib/report/paper/figures.ts';
import { judgeRun } from '../../lib/report/paper/judge.ts';
import { renderPaperPage } from '../../lib/report/paper/page.ts';
import { paperPlots } from '../../lib/report/paper/plots.ts';
import { compareRates } from '../../lib/report/paper/rate.ts';

const file = join(import.meta.dirname, '../../pipelines.yaml');
const config = loadConfig(file);
const planned = (profile: string, ...set: string[]): PaperPlan => createPaperPlan(config, { profile, set });
const armNamed = (plan: PaperPlan, name: string) => plan.arms.find((arm) => arm.name === name);

describe('the plan of a paper run', () => {
  it('of profile full fits into six hours: three seeds in two worlds, 2,000 test readers in each', () => {
    const plan = planned('full');
    expect(plan.lanes.map(({ world, seed }) => `${world} ${seed}`)).toEqual([
      '2026 1',
      '2027 1',
      '2026 2',
      '2027 2',
      '2026 3',
      '2027 3',
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

  it('keeps fewer hours by leaving out seeds, then readers, then optional arms, and says so', () => {
    const seeds = planned('full', 'paper.hours=4');
    expect(seeds.shrunk).toEqual(['seed 3 was left out']);
    expect(new Set(seeds.lanes.map(({ seed }) => seed))).toEqual(new Set([1, 2]));

    const least = planned('full', 'paper.hours=0.5');
    expect(least.shrunk.slice(0, 3)).toEqual([
      'seed 3 was left out',
      'seed 2 was left out',
      'test readers of a world: 1000 instead of 2000',
    ]);
    expect(least.shrunk[3]).toBe('arm without_pages was left out');
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
    expect(outOfTime(plan, ended(2, 6), later)).toMatch(
      /^the 1 hours do not suffice: \d\.\d+ h are spent, it would need/,
    );
  });

  it('never stop what the first lane needs', () => {
    expect(outOfTime(plan, ended(2, 100), runs[2])).toBeNull();
    expect(outOfTime(plan, ended(2, 100), { ...runs[2], optional: true })).not.toBeNull();
  });
});

/** Readers' figures as arms measured them: every method has its level, readers and seeds scatter. */
function measured({ seeds = [1, 2, 3], levels }: { seeds?: number[]; levels: Record<string, number> }): ArmRow[] {
  return [2026, 2027].flatMap((world) =>
    seeds.flatMap((seed) =>
      Array.from({ length: 120 }, (_, i) => i).flatMap((i) => {
        const ofReader = new Random('reader', world, i).normal(0, 0.03);
        return Object.entries(levels).map(([name, level]): ArmRow => {
          const [arm, method] = name.split('/');
          const value = level + ofReader + new Random('rest', world, seed, i, name).normal(0, 0.02);
          const metrics = { 'recall@5': value, 'recall@10': value, 'ndcg@5': value, 'ndcg@10': value, mrr: value };
          return { arm, method, world, seed, reader_id: `r${i}`, ...metrics, reward: null };
        });
      }),
    ),
  );
}

const levels = {
  'main/warmstart': 0.2,
  'main/teacher': 0.3,
  'main/sasrec': 0.35,
  'main/student': 0.29,
  'main/supervised': 0.29,
  'main/undistilled': 0.2,
  'size_xs/teacher': 0.15,
  'size_s/teacher': 0.2,
  'size_xl/teacher': 0.32,
  'best_of/best_of_1': 0.3,
  'best_of/best_of_2': 0.34,
  'best_of/best_of_4': 0.35,
  'without_cov/teacher': 0.1,
  'without_align/teacher': 0.2,
  'without_spec/teacher': 0.2,
  'without_div/teacher': 0.2,
  'without_struct/teacher': 0.2,
};
const beside: Beside = {
  experiments: [],
  cleaning: [],
  parameters: { main: 1_400_000, size_xs: 260_000, size_s: 500_000, size_xl: 2_300_000 },
};

describe('a verdict on each claim', () => {
  const plan = planned('full');
  const results = judgeRun(measured({ levels }), beside, plan);
  const verdictOf = (id: string) => results.claims.find((claim) => claim.id === id)?.verdict;

  it('follows what was planted', () => {
    expect(results.claims.map(({ id }) => id)).toEqual(paperClaims.map(({ id }) => id));
    expect(verdictOf('teacher_above_warmstart')).toBe('holds');
    expect(verdictOf('teacher_above_sasrec')).toBe('does not hold');
    expect(verdictOf('student_keeps')).toBe('holds');
    expect(verdictOf('on_policy_above_supervised')).toBe('cannot be told at this n');
    expect(verdictOf('needs_cov')).toBe('holds');
    expect(verdictOf('coverage_most')).toBe('holds');
    expect(verdictOf('size')).toBe('holds');
    expect(verdictOf('best_of')).toBe('holds');
    expect(verdictOf('best_of_diminishes')).toBe('holds');
    expect(verdictOf('cleaning')).toBe('not measured');
  });

  it('fits the sizes, and predicts the largest from the others', () => {
    expect(results.capacity.points.map(({ x }) => x)).toEqual([260_000, 500_000, 1_400_000, 2_300_000]);
    expect(results.capacity.law?.exponent.low).toBeGreaterThan(0);
    expect(results.capacity.law?.largest.size).toBe(2_300_000);
  });

  it('does not depend on the order of the rows', () => {
    const shuffled = judgeRun(new Random('order').shuffle(measured({ levels })), beside, plan);
    const close = (value: number | null | undefined) => Number(value).toFixed(9);
    for (const [i, claim] of results.claims.entries()) {
      expect(shuffled.claims[i].verdict).toBe(claim.verdict);
      expect(close(shuffled.claims[i].difference?.low)).toBe(close(claim.difference?.low));
    }
  });

  it('cannot be told from one seed, whatever the difference', () => {
    const { claims, tables } = judgeRun(measured({ levels, seeds: [1] }), beside, plan);
    const told = claims.filter(({ verdict }) => verdict !== 'cannot be told at this n' && verdict !== 'not measured');
    expect(told).toEqual([]);
    expect(Number.isFinite(tables.main[0].metrics['recall@10'].low)).toBe(true);
  });

  it('leaves out a seed that an arm was not run with', () => {
    const rows = measured({ levels }).filter(({ arm, seed }) => arm !== 'without_cov' || seed !== 3);
    const claim = judgeRun(rows, beside, plan).claims.find(({ id }) => id === 'needs_cov');
    expect(claim).toMatchObject({ seeds: 2, readers: 240, verdict: 'holds' });
  });
});

describe('the A/B tests of all lanes', () => {
  it('are one, weighted by precision, Holm over the metrics', () => {
    const change = (mean: number, half: number) => ({
      control: 1,
      treatment: 1 + mean,
      relative: { mean, low: mean - half, high: mean + half },
      p: 1,
    });
    const experiment = (seed: number, mean: number, half: number) => ({
      world: 1,
      seed,
      readers: { control: 10, treatment: 10 },
      srmP: 1,
      metrics: { ctr: change(mean, half), dau: change(0, 0.1) },
    });
    const [dau, ctr, cold] = abTests([experiment(1, 0.1, 0.02), experiment(2, 0.4, 0.2)], 0.05);
    expect(ctr.change?.relative.mean).toBeCloseTo((0.1 * 100 + 0.4) / 101, 10);
    expect(ctr).toMatchObject({ verdict: 'holds', readers: { control: 20, treatment: 20 } });
    expect(dau.verdict).toBe('cannot be told at this n');
    expect(ctr.change?.detectable).toBeGreaterThan(0);
    expect(cold).toMatchObject({ change: null, verdict: 'not measured' });
    expect(abTests([], 0.05).map(({ verdict }) => verdict)).toEqual(Array.from({ length: 3 }, () => 'not measured'));
  });
});

describe('serving rates', () => {
  const rates = (student: number[]): RunRecord['rates'] => [
    {
      world: 1,
      seed: 1,
      rate: {
        readers: 10,
        models: [
          { name: 'teacher', parameters: 4000, threads: 1, perSecond: [10, 11, 9, 10] },
          { name: 'student', parameters: 1000, threads: 1, perSecond: student },
        ],
      },
    },
  ];

  it('are compared turn by turn, beside the ratio of sizes', () => {
    const compared = compareRates(rates([30, 33, 27, 30.1]));
    expect(compared?.ratio.mean).toBeCloseTo(3, 2);
    expect(compared?.verdict).toBe('holds');
    expect(compareRates(rates([10, 11, 9, 10.1]))?.verdict).toBe('does not hold');
    expect(compareRates([])).toBeNull();
  });
});

describe('the page', () => {
  it('names every claim with the paper’s figure and a verdict, and what was left out', async () => {
    const plan = planned('full');
    const results = JSON.parse(JSON.stringify(judgeRun(measured({ levels }), beside, plan))) as PaperFigures['results'];
    const record: RunRecord = {
      run: 'r',
      profile: 'full',
      plan: 'p'.repeat(64),
      seconds: 7200,
      hours: 6,
      shrunk: ['seed 3 was left out'],
      impossible: [],
      notAsked: ['rate'],
      set: ['teacher.rounds=16'],
      notRun: [{ name: 'jsd-2026-1', why: 'it failed' }],
      rates: [],
    };
    const figures: PaperFigures = { digest: 'd'.repeat(64), results, record };
    const plots = await paperPlots(figures);
    const page = renderPaperPage(figures, plots, 'paper');
    const lines = page.split('\n');
    expect(page).toContain('Set otherwise than in the profile: `teacher.rounds=16`.');
    expect(page).toContain('- Not asked for (`paper.arms`): rate.');
    for (const { words, paper, verdict } of results.claims) {
      const line = lines.find((one) => one.startsWith(`| ${words} | ${paper} |`));
      expect(line, words).toMatch(new RegExp(`\\| \\*\\*${verdict}\\*\\* \\|$`));
    }
    expect(page).toContain('To keep the hours: seed 3 was left out.');
    expect(page).toContain('Arm jsd-2026-1 was not run: it failed.');
    expect(page).not.toMatch(/undefined|NaN|Infinity/);
    expect(plots.map(({ file: name }) => name)).toEqual([
      'main.svg',
      'distillation.svg',
      'rewards.svg',
      'capacity.svg',
      'best_of.svg',
    ]);
    for (const { file: name, svg } of plots) {
      expect(page).toContain(`(paper/${name})`);
      expect(svg).toMatch(/^<svg[^>]* width="\d/);
    }
  });
});
