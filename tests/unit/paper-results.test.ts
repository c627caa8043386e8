import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../lib/pipeline/config.ts';
import { createPaperPlan } from '../../lib/pipeline/paper-plan.ts';
import { Random } from '../../lib/random.ts';
import { abTests } from '../../lib/report/paper/ab-test.ts';
import { paperClaims } from '../../lib/report/paper/claims.ts';
import type { ArmRow, Beside, PaperFigures, RunRecord } from '../../lib/report/paper/figures.ts';
import { judgeRun } from '../../lib/report/paper/judge.ts';
import { renderPaperPage } from '../../lib/report/paper/page.ts';
import { paperPlots } from '../../lib/report/paper/plots.ts';
import { compareRates } from '../../lib/report/paper/rate.ts';

const config = loadConfig(join(import.meta.dirname, '../../pipelines.yaml'));
const plan = createPaperPlan(config, { profile: 'full', set: [] });

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
  'main/key_phrases': 0.3,
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
  data: [],
  cleaning: [],
  parameters: { main: 1_400_000, size_xs: 260_000, size_s: 500_000, size_xl: 2_300_000 },
};

describe('a verdict on each claim', () => {
  const results = judgeRun(measured({ levels }), beside, plan);
  const verdictOf = (id: string) => results.claims.find((claim) => claim.id === id)?.verdict;

  it('follows what was planted', () => {
    expect(results.claims.map(({ id }) => id)).toEqual(paperClaims.map(({ id }) => id));
    expect(verdictOf('teacher_above_warmstart')).toBe('holds');
    expect(verdictOf('teacher_above_sasrec')).toBe('does not hold');
    expect(verdictOf('student_keeps')).toBe('holds');
    // No figure of the paper: nothing is claimed that could be excluded.
    expect(verdictOf('teacher_above_key_phrases')).toBe('cannot be told at this n');
    // Equal, where the paper's differ by 6 %.
    expect(verdictOf('on_policy_above_supervised')).toBe('does not hold');
    expect(verdictOf('needs_cov')).toBe('holds');
    expect(verdictOf('coverage_most')).toBe('holds');
    expect(verdictOf('size')).toBe('holds');
    expect(verdictOf('best_of')).toBe('holds');
    expect(verdictOf('best_of_diminishes')).toBe('holds');
    expect(verdictOf('cleaning')).toBe('not measured');
    const keeps = results.claims.find(({ id }) => id === 'student_keeps');
    expect(keeps?.share?.mean).toBeCloseTo((0.9 * Number(keeps?.ours)) / Number(keeps?.other), 10);
    expect(results.claims.filter(({ share }) => share !== null)).toEqual([keeps]);
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
  const limits = { significance: 0.05, srmThreshold: 0.001 };
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
      coldReaders: { control: 3, treatment: 4 },
      srmP: 1,
      metrics: { ctr: change(mean, half), dau: change(0, 0.1) },
    });
    const [dau, ctr, cold] = abTests([experiment(1, 0.1, 0.02), experiment(2, 0.4, 0.2)], limits);
    expect(ctr.change?.relative.mean).toBeCloseTo((0.1 * 100 + 0.4) / 101, 10);
    expect(ctr).toMatchObject({ verdict: 'holds', readers: { control: 20, treatment: 20, lanes: 2, broken: 0 } });
    expect(dau.verdict).toBe('cannot be told at this n');
    expect(ctr.change?.detectable).toBeGreaterThan(0);
    expect(cold).toMatchObject({ change: null, verdict: 'not measured', readers: { control: 6, treatment: 8 } });
    const broken = { ...experiment(3, 5, 0.01), srmP: 1e-5 };
    const [, without] = abTests([experiment(1, 0.1, 0.02), experiment(2, 0.4, 0.2), broken], limits);
    expect(without).toEqual({ ...ctr, readers: { ...ctr.readers, broken: 1 } });
    expect(abTests([], limits).map(({ verdict }) => verdict)).toEqual(Array.from({ length: 3 }, () => 'not measured'));
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

  it('of models that are near in size say nothing, and turns of one lane count once', () => {
    const [one] = rates([12, 13, 11, 12]);
    const near = {
      ...one,
      rate: { ...one.rate, models: one.rate.models.map((model) => ({ ...model, parameters: 1000 })) },
    };
    expect(compareRates([near])?.verdict).toBe('not measured');
    const [slow, fast] = [rates([15, 16.5, 13.5, 15])[0], rates([40, 44, 36, 40])[0]];
    expect(compareRates([slow])?.verdict).toBe('does not hold');
    expect(compareRates([slow, fast])).toMatchObject({ turns: 8, verdict: 'cannot be told at this n' });
  });
});

describe('the page', () => {
  /** As read from figures.json, where a number that is none is null. */
  const figuresOf = (rows: readonly ArmRow[]): PaperFigures => {
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
      code: { teacher: ['aa'], student: ['aa', 'bb'] },
      rates: [],
    };
    const results = judgeRun(rows, beside, plan);
    return JSON.parse(JSON.stringify({ digest: 'd'.repeat(64), results, record })) as PaperFigures;
  };
  const lineOf = (page: string, start: string): string =>
    page.split('\n').find((line) => line.startsWith(`| ${start}`)) ?? '';

  it('of one seed says of nothing how sure it is', () => {
    const page = renderPaperPage(figuresOf(measured({ levels, seeds: [1] })), [], 'paper');
    expect(page).not.toMatch(/undefined|NaN|Infinity|\[0\.0, 0\.0\]/);
    expect(page).toContain('which of one seed says nothing');
    expect(lineOf(page, 'The distilled student keeps')).toContain('% ');
  });

  it('says where a row has fewer seeds than others, and counts falls lane by lane', () => {
    // A lane that was left out had the better teachers: of the lanes that both have, alignment is worth .1 as before.
    const rows = measured({ levels }).filter(
      ({ arm, world, seed }) => arm !== 'without_align' || world + seed === 2027,
    );
    const lucky = rows.map((row) =>
      row.world + row.seed === 2027 ? row : { ...row, 'recall@10': row['recall@10'] + 0.2 },
    );
    const page = renderPaperPage(figuresOf(lucky), [], 'paper');
    expect(lineOf(page, 'Without alignment (one seed: interval over its readers alone)')).not.toBe('');
    expect(page).toMatch(/without the reward for alignment 0\.(09|10)\d/);
  });

  it('says where worlds disagree, and where a claim holds by less than the paper’s quarter', () => {
    const rows = measured({ levels: { ...levels, 'without_spec/teacher': 0.28, 'main/supervised': 0.26 } }).map(
      (row) =>
        row.method === 'supervised' && row.world === 2027 ? { ...row, 'recall@10': row['recall@10'] + 0.04 } : row,
    );
    const page = renderPaperPage(figuresOf(rows), [], 'paper');
    expect(lineOf(page, 'Without the reward for specificity')).toMatch(
      /\*\*holds\*\* \(less than the quarter, 0\.02\d\)/,
    );
    expect(lineOf(page, 'On-policy distillation recalls more than supervised')).toMatch(/\(the worlds disagree\) \|$/);
    expect(page).toMatch(/by world 2026: 0\.03\d*, 2027: -0\.01/);
  });

  it('names every claim with the paper’s figure and a verdict, and what was left out', async () => {
    const figures = figuresOf(measured({ levels }));
    const { results } = figures;
    const plots = await paperPlots(figures);
    const page = renderPaperPage(figures, plots, 'paper');
    const lines = page.split('\n');
    expect(page).toContain('Set otherwise than in the profile: `teacher.rounds=16`.');
    expect(page).toContain('- Not asked for (`paper.arms`): rate.');
    expect(page).toContain('**The code changed while arms ran: versions of the stages student (2).**');
    for (const { words, paper, verdict } of results.claims) {
      const line = lines.find((one) => one.startsWith(`| ${words} | ${paper} |`));
      expect(line, words).toMatch(new RegExp(`\\| \\*\\*${verdict}\\*\\*( \\(.*\\))? \\|$`));
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
