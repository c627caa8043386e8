/** From the readers' figures of all arms to tables, curves and verdicts. */
import { drawResamples, type Interval } from '../../method/bootstrap.ts';
import { judgeClaims } from '../../method/claims.ts';
import { pairedEffect } from '../../method/hierarchy.ts';
import { rankingMetricNames } from '../../method/metrics.ts';
import { fitCapacityLaw, fitSaturation } from '../../method/scaling.ts';
import { tTest, variance } from '../../method/statistics.ts';
import type { PaperPlan } from '../../pipeline/paper.ts';
import { abTests } from './ab-test.ts';
import { type PaperClaim, paperClaims } from './claims.ts';
import type { ArmRow, Beside, ClaimResult, CurvePoint, PaperResults, TableRow } from './figures.ts';
import { meanOf, openSeries, type Pair, readerMeans, type Series, sizeOf } from './series.ts';
import { sizeArms, type TableSpec, tableSpecs } from './tables.ts';

const BOOTSTRAPS = 1000;

/** The results of a run: the same rows, the same results. */
export function judgeRun(rows: readonly ArmRow[], beside: Beside, plan: PaperPlan): PaperResults {
  const series = openSeries(rows);
  const specs = tableSpecs(beside.parameters, series.counts);
  return {
    source: plan.source.kind,
    lanes: plan.lanes,
    claims: judged(series, plan),
    tables: Object.fromEntries(
      Object.entries(specs).map(([name, ofTable]) => [name, ofTable.flatMap((spec) => tableRow(series, spec, plan))]),
    ) as PaperResults['tables'],
    capacity: capacityOf(
      measuredPoints(
        series,
        sizeArms(beside.parameters).map((arm) => ({ arm, method: 'teacher', x: beside.parameters[arm] })),
      ),
    ),
    bestOf: bestOfOf(
      measuredPoints(
        series,
        series.counts.map((n) => ({ arm: 'best_of', method: `best_of_${n}`, x: n })),
      ),
    ),
    abTest: abTests(beside.experiments, {
      significance: plan.settings.significance,
      srmThreshold: plan.arms[0].plan.settings.promote.srmThreshold,
    }),
    data: beside.data,
    cleaning: beside.cleaning,
  };
}

/** Claims of which both sides were measured are one family; the others are listed without a verdict on them. */
function judged(series: Series, plan: PaperPlan): ClaimResult[] {
  const measured = paperClaims.map((claim) => ({ claim, pairs: series.pairs(claim.ours, claim.other, 'recall@10') }));
  const family = measured.filter(({ pairs }) => pairs.length > 0);
  const verdicts = judgeClaims(
    family.flatMap(({ claim: { id, least }, pairs }) =>
      pairs.map((pair) => ({ claim: id, ...pair, ...(least === undefined ? {} : { least: least * pair.ours }) })),
    ),
    family.map(({ claim }) => claim.id),
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
      least: verdict.least,
      share: shareOf(claim, verdict.difference, meanOf(pairs, 'other')),
      p: verdict.adjustedP,
      standardised: verdict.standardised,
      ...sizeOf(pairs),
      worlds: verdict.worlds.map(({ world, difference }) => ({ world: Number(world), difference })),
      verdict: verdict.verdict,
      reason: Number.isFinite(verdict.error) ? verdict.reason : 'one seed says nothing about others; run more',
    };
  });
}

const nothing: Omit<ClaimResult, 'id' | 'words' | 'paper' | 'reason'> = {
  ours: null,
  other: null,
  difference: null,
  least: null,
  share: null,
  p: null,
  standardised: null,
  seeds: 0,
  readers: 0,
  worlds: [],
  verdict: 'not measured',
};

/** Of a claim that ours is above a part of one other: which part it is. The other's own error is left out: it moves only what lies beyond `weight`, by a few hundredths. */
function shareOf({ other }: PaperClaim, { mean, low, high }: Interval, part: number): Interval | null {
  const [{ weight = 1 }, ...more] = other;
  if (weight === 1 || more.length > 0) return null;
  const share = (difference: number): number => weight * (1 + difference / part);
  return { mean: share(mean), low: share(low), high: share(high) };
}

function whyNot({ ours, other }: PaperClaim, series: Series, { impossible, source }: PaperPlan): string {
  const missing = [...ours, ...other].filter(({ arm, method }) => !series.has(arm, method));
  const arms = [...new Set(missing.map(({ arm }) => arm))];
  const cannot = arms.filter((arm) => impossible.includes(arm));
  if (cannot.length > 0) return `a source of kind ${source.kind} cannot test it (arm ${cannot.join(', ')})`;
  return `not measured in this run: ${[...new Set(missing.map(({ arm, method }) => `${method} of arm ${arm}`))].join(', ')}`;
}

function tableRow(
  series: Series,
  { title, arm, method, paper }: TableSpec,
  { settings: { seeds } }: PaperPlan,
): TableRow[] {
  if (!series.has(arm, method)) return [];
  const ofMetric = rankingMetricNames.map((metric) => series.pairs([{ arm, method }], [], metric));
  const metrics = rankingMetricNames.map((metric, i) => [metric, intervalOf(ofMetric[i])]);
  const size = sizeOf(ofMetric[0]);
  // Where other rows have seeds in their intervals, one that has not must not look the surer for it.
  const isAlone = size.seeds === 1 && seeds.length > 1;
  return [
    {
      title: isAlone ? `${title} (one seed: interval over its readers alone)` : title,
      paper,
      metrics: Object.fromEntries(metrics) as TableRow['metrics'],
      ...size,
    },
  ];
}

/** Over seeds and readers; of a single seed over its readers alone, which the page says. */
function intervalOf(pairs: readonly Pair[]): Interval {
  const { difference } = pairedEffect(pairs);
  if (Number.isFinite(difference.low)) return difference;
  const values = readerMeans(pairs);
  const { low, high } = tTest(difference.mean, Math.sqrt(variance(values) / values.length), values.length - 1);
  return { mean: difference.mean, low, high };
}

interface CurveSpec {
  arm: string;
  method: string;
  x: number;
}

interface Measured extends CurveSpec {
  pairs: Pair[];
}

/** The points that were measured, in the lanes that have them all. */
function measuredPoints(series: Series, specs: readonly CurveSpec[]): Measured[] {
  const present = specs.filter(({ arm, method, x }) => Number.isFinite(x) && series.has(arm, method));
  const lanes = new Set(series.pairs(present, [], 'recall@10').map(keyOf));
  return present.map((spec) => ({
    ...spec,
    pairs: series.pairs([spec], [], 'recall@10').filter((pair) => lanes.has(keyOf(pair))),
  }));
}

function keyOf({ world, seed, reader }: Pair): string {
  return `${world} ${seed} ${reader}`;
}

function pointsOf(measured: readonly Measured[]): CurvePoint[] {
  return measured.map(({ arm, x, pairs }) => ({
    ...intervalOf(pairs),
    x,
    name: arm === 'best_of' ? String(x) : arm,
  }));
}

/** A law needs four sizes, and recall at each. */
function capacityOf(measured: readonly Measured[]): PaperResults['capacity'] {
  const sizes = new Set(measured.map(({ x }) => x)).size;
  const isUsable = sizes === measured.length && sizes >= 4 && measured.every(({ pairs }) => meanOf(pairs, 'ours') > 0);
  const rows = measured.flatMap(({ x, pairs }) =>
    pairs.map(({ world, seed, reader, ours }) => ({ world, seed, reader, size: x, value: ours })),
  );
  return { points: pointsOf(measured), law: isUsable ? fitCapacityLaw(rows) : null };
}

function bestOfOf(measured: readonly Measured[]): PaperResults['bestOf'] {
  const points = measured.map(({ x, pairs }) => ({ x, values: readerMeans(pairs) }));
  const saturation =
    points.length < 3 ? null : fitSaturation(points, drawResamples(points[0].values.length, BOOTSTRAPS, 1));
  return { points: pointsOf(measured), saturation };
}
