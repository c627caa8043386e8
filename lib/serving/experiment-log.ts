/** From exposures to what decides the experiment: per reader, because days of one reader are not independent. */
import { type Comparison, compareArms, exceedsP, meanEstimate, ratioEstimate, srmP } from '../method/experiment.ts';
import type { Arm, ExperimentState, VerdictSettings } from '../method/verdict.ts';
import type { Experiment } from '../training/results.ts';
import type { Exposure } from './simulation.ts';

/** Of fewer clicks an arm the delta method says nothing: of none it would give an interval of no width. */
const LEAST_CLICKS = 10;
/** Cold readers are few: of three an arm who came alike the normal approximation would be certain. All readers have `minimumSample`. */
const LEAST_COLD = 30;

/** Days active, clicks and articles shown of one reader in its arm. */
interface ReaderTotals {
  arm: Arm;
  cold: boolean;
  days: number;
  active: number;
  clicks: number;
  shown: number;
}

/**
 * DAU is compared as the share of a reader's days with a visit, CTR as clicks over shown by the delta method. A metric without a figure
 * (nothing shown yet, all alike) is left out, CTR and cold readers' DAU until both arms have enough for the normal approximation.
 */
export function experimentState(
  exposures: readonly Exposure[],
  finished: boolean,
  guardrails: Pick<VerdictSettings['guardrails'], 'errorRate' | 'p95Ms'>,
): ExperimentState & { metrics: Record<string, Comparison>; coldReaders: Record<Arm, number> } {
  const totals = [...readerTotals(exposures).values()];
  const ofArm = (arm: Arm): ReaderTotals[] => totals.filter((reader) => reader.arm === arm);
  const treatment = ofArm('treatment');
  const control = ofArm('control');
  const attendance = (readers: ReaderTotals[]): ReturnType<typeof meanEstimate> =>
    meanEstimate(readers.map(({ active, days }) => active / days));
  const clickRate = (readers: ReaderTotals[]): ReturnType<typeof ratioEstimate> =>
    ratioEstimate(
      readers.map(({ clicks }) => clicks),
      readers.map(({ shown }) => shown),
    );
  const clicks = (readers: readonly ReaderTotals[]): number =>
    readers.reduce((total, reader) => total + reader.clicks, 0);
  const isCounted = Math.min(clicks(treatment), clicks(control)) >= LEAST_CLICKS;
  const cold = (readers: ReaderTotals[]): ReaderTotals[] => readers.filter((reader) => reader.cold);
  const ctr = isCounted ? compareArms(clickRate(treatment), clickRate(control)) : undefined;
  const isColdCounted = Math.min(cold(treatment).length, cold(control).length) >= LEAST_COLD;
  const requests = exposures.filter(({ arm, active }) => arm === 'treatment' && active);
  const failed = requests.filter((request) => request.failed).length;
  const slow = requests.filter(({ latency_ms }) => latency_ms > guardrails.p95Ms).length;
  return {
    finished,
    readers: { control: control.length, treatment: treatment.length },
    coldReaders: { control: cold(control).length, treatment: cold(treatment).length },
    srmP: srmP([control.length, treatment.length], [0.5, 0.5]),
    metrics: withFigures({
      dau: compareArms(attendance(treatment), attendance(control)),
      ...(ctr ? { ctr } : {}),
      ...(isColdCounted ? { cold_dau: compareArms(attendance(cold(treatment)), attendance(cold(control))) } : {}),
    }),
    ctrAlwaysValidP: ctr?.alwaysValidP ?? 1,
    errorRate: ratio(failed, requests.length),
    p95Ms: percentile(
      requests.map(({ latency_ms }) => latency_ms),
      0.95,
    ),
    errorRateP: exceedsP(failed, requests.length, guardrails.errorRate),
    p95P: exceedsP(slow, requests.length, 0.05),
  };
}

/** The experiment day by day, for the report and the operator. */
export function dailyFigures(exposures: readonly Exposure[], shares: readonly number[]): Experiment['days'] {
  return [...new Set(exposures.map(({ day }) => day))].map((day) => {
    const today = exposures.filter((exposure) => exposure.day === day);
    const ofArm = (arm: Arm): Exposure[] => today.filter((exposure) => exposure.arm === arm);
    const rate = (arm: Arm): number => ratio(sum(ofArm(arm), 'clicks'), sum(ofArm(arm), 'shown'));
    const active = (arm: Arm): number =>
      ratio(ofArm(arm).filter((exposure) => exposure.active).length, ofArm(arm).length);
    return {
      day,
      share: shares[day - 1],
      control: ofArm('control').length,
      treatment: ofArm('treatment').length,
      ctrControl: rate('control'),
      ctrTreatment: rate('treatment'),
      dauControl: active('control'),
      dauTreatment: active('treatment'),
      p95Ms: percentile(
        ofArm('treatment')
          .filter((exposure) => exposure.active)
          .map(({ latency_ms }) => latency_ms),
        0.95,
      ),
      errors: today.filter(({ failed }) => failed).length,
    };
  });
}

function withFigures(metrics: Record<string, Comparison>): Record<string, Comparison> {
  return Object.fromEntries(
    Object.entries(metrics).filter(
      ([, { p, relative }]) =>
        [p, relative.mean, relative.low, relative.high].every(Number.isFinite) && relative.low < relative.high,
    ),
  );
}

function readerTotals(exposures: readonly Exposure[]): Map<string, ReaderTotals> {
  const totals = new Map<string, ReaderTotals>();
  for (const { reader_id, arm, cold, active, clicks, shown } of exposures) {
    const reader = totals.get(reader_id) ?? { arm, cold, days: 0, active: 0, clicks: 0, shown: 0 };
    reader.days++;
    reader.active += active ? 1 : 0;
    reader.clicks += clicks;
    reader.shown += shown;
    totals.set(reader_id, reader);
  }
  return totals;
}

function sum(exposures: readonly Exposure[], field: 'clicks' | 'shown'): number {
  return exposures.reduce((total, exposure) => total + exposure[field], 0);
}

function ratio(above: number, below: number): number {
  return below === 0 ? 0 : above / below;
}

function percentile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}
