/** From the readers' figures of all arms to tables, curves and verdicts. */
import { drawResamples, type Interval, meanInterval, type Resamples } from '../../method/bootstrap.ts';
import { judgeClaims } from '../../method/claims.ts';
import { pairedEffect } from '../../method/hierarchy.ts';
import { rankingMetricNames } from '../../method/metrics.ts';
import { fitPowerLaw, type ScalingPoint } from '../../method/scaling.ts';
import type { PaperPlan } from '../../pipeline/paper.ts';
import { abTests } from './ab-test.ts';
import { type PaperClaim, paperClaims } from './claims.ts';
import type { ArmRow, Beside, ClaimResult, Curve, PaperResults, TableRow } from './figures.ts';
import { meanOf, openSeries, type Pair, readerMeans, type Series, sizeOf } from './series.ts';
import { type TableSpec, tableSpecs } from './tables.ts';

const BOOTSTRAPS = 1000;

/** The results of a run: the same rows, the same results. */
export function judgeRun(rows: readonly ArmRow[], beside: Beside, plan: PaperPlan): PaperResults {
  const series = openSeries(rows);
  const sizes = sizeArms(beside);
  const specs = tableSpecs(sizes, series.counts);
  return {
    source: plan.source.kind,
    lanes: plan.lanes,
    claims: judged(series, plan),
    tables: Object.fromEntries(
      Object.entries(specs).map(([name, ofTable]) => [name, ofTable.flatMap((spec) => tableRow(series, spec))]),
    ) as PaperResults['tables'],
    capacity: curve(
      series,
      [...sizes, 'main'].map((arm) => ({ arm, method: 'teacher', x: beside.parameters[arm] ?? Number.NaN })),
    ),
    bestOf: curve(
      series,
      series.counts.map((n) => ({ arm: 'best_of', method: `best_of_${n}`, x: n })),
    ),
    abTest: abTests(beside.experiments, plan.settings.significance),
    cleaning: beside.cleaning,
  };
}

/** Claims of which both sides were measured are one family; the others are listed without a verdict on them. */
function judged(series: Series, plan: PaperPlan): ClaimResult[] {
  const measured = paperClaims.map((claim) => ({ claim, pairs: series.pairs(claim.ours, claim.other, 'recall@10') }));
  const family = measured.filter(({ pairs }) => pairs.length > 0);
  const verdicts = judgeClaims(
    family.flatMap(({ claim, pairs }) => pairs.map((pair) => ({ claim: claim.id, ...pair }))),
    family.map(({ claim }) => ({ claim: claim.id })),
    plan.settings.significance,
  );
  const byId = new Map(verdicts.map((verdict) => [verdict.claim, verdict]));
  return measured.map(({ claim, pairs }): ClaimResult => {
    const { id, words, paper } = claim;
    const verdict = byId.get(id);
    if (!verdict) return { id, words, paper, ...nothing, reason: whyNot(claim, series, plan) };
    return {
      id,
      words,
      paper,
      ours: meanOf(pairs, 'ours'),
      other: meanOf(pairs, 'other'),
      difference: verdict.difference,
      p: verdict.adjustedP,
      standardised: verdict.standardised,
      ...sizeOf(pairs),
      worlds: verdict.worlds.map(({ world, difference }) => ({ world: Number(world), difference })),
      verdict: verdict.verdict,
      reason: verdict.reason,
    };
  });
}

const nothing: Omit<ClaimResult, 'id' | 'words' | 'paper' | 'reason'> = {
  ours: null,
  other: null,
  difference: null,
  p: null,
  standardised: null,
  seeds: 0,
  readers: 0,
  worlds: [],
  verdict: 'not measured',
};

function whyNot({ ours, other }: PaperClaim, series: Series, { impossible, source }: PaperPlan): string {
  const missing = [...ours, ...other].filter(({ arm, method }) => !series.has(arm, method));
  const arms = [...new Set(missing.map(({ arm }) => arm))];
  const cannot = arms.filter((arm) => impossible.includes(arm));
  if (cannot.length > 0) return `a source of kind ${source.kind} cannot test it (arm ${cannot.join(', ')})`;
  return `not measured in this run: ${[...new Set(missing.map(({ arm, method }) => `${method} of arm ${arm}`))].join(', ')}`;
}

function tableRow(series: Series, { title, arm, method, paper }: TableSpec): TableRow[] {
  if (!series.has(arm, method)) return [];
  const ofMetric = rankingMetricNames.map((metric) => series.pairs([{ arm, method }], [], metric));
  const metrics = rankingMetricNames.map((metric, i) => [metric, intervalOf(ofMetric[i])]);
  return [{ title, paper, metrics: Object.fromEntries(metrics) as TableRow['metrics'], ...sizeOf(ofMetric[0]) }];
}

/** Over seeds and readers; of a single seed over its readers alone, which the page says. */
function intervalOf(pairs: readonly Pair[]): Interval {
  const { difference } = pairedEffect(pairs);
  if (Number.isFinite(difference.low)) return difference;
  const values = readerMeans(pairs);
  return { ...meanInterval(values, drawResamples(values.length, BOOTSTRAPS, 1)), mean: difference.mean };
}

interface CurveSpec {
  arm: string;
  method: string;
  x: number;
}

function curve(series: Series, specs: readonly CurveSpec[]): Curve {
  const measured = specs
    .filter(({ arm, method, x }) => Number.isFinite(x) && series.has(arm, method))
    .map((spec) => ({ spec, pairs: series.pairs([spec], [], 'recall@10') }));
  const points = measured.map(({ spec, pairs }) => ({
    ...intervalOf(pairs),
    x: spec.x,
    name: spec.arm === 'best_of' ? String(spec.x) : spec.arm,
  }));
  return { points, fit: fitOf(measured.map(({ spec, pairs }) => ({ x: spec.x, values: readerMeans(pairs) }))) };
}

/** The last point is predicted from the others. Null for fewer than three, of different x and with recall. */
function fitOf(points: readonly ScalingPoint[]): Curve['fit'] {
  const readers = points[0]?.values.length ?? 0;
  const isUsable =
    new Set(points.map(({ x }) => x)).size >= 3 &&
    points.every(({ values }) => values.length === readers && average(values) > 0);
  if (!isUsable) return null;
  const resamples: Resamples = drawResamples(readers, BOOTSTRAPS, 1);
  const { formula, exponent } = fitPowerLaw(points, resamples);
  const before = fitPowerLaw(points.slice(0, -1), resamples);
  const last = points[points.length - 1];
  return {
    formula,
    exponent,
    predicted: before.coefficient * last.x ** before.exponent.mean,
    measured: average(last.values),
  };
}

function average(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

/** Arms whose teacher starts from another base model, the smallest first. */
function sizeArms({ parameters }: Beside): string[] {
  return Object.keys(parameters)
    .filter((arm) => arm.startsWith('size_'))
    .sort((a, b) => parameters[a] - parameters[b]);
}
