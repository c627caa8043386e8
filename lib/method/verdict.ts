/** Who sees the treatment, and what is decided about it. Pure, without dependencies: workflows import it. */
import { holm } from './multiple-tests.ts';
import type { PromoteSettings } from '../pipeline/stage-settings.ts';
import { keyOf, uniformAt } from '../random.ts';

export type Arm = 'control' | 'treatment';

/**
 * The arm of a reader while `share` of all readers get the treatment. A function of reader and salt (one salt an experiment): the same
 * on every server. Stable under a ramp: who is treated at one share is treated at every larger one.
 */
export function assignArm(readerId: string, salt: string, share: number): Arm {
  return uniformAt(keyOf('arm', salt, readerId), 0) < share ? 'treatment' : 'control';
}

/** What is known of a running experiment. Comparisons are of treatment against control, over the same period. */
export interface ExperimentState {
  /** The last planned day is over. */
  finished: boolean;
  /** Exposed readers. */
  readers: Record<Arm, number>;
  srmP: number;
  /** Relative change and two-sided p of each metric; 'ctr' is also a guardrail. */
  metrics: Readonly<Record<string, { relative: { mean: number; low: number; high: number }; p: number }>>;
  /** Always-valid p of no change in CTR, 1 without a figure: its guardrail is looked at every day, and each look is a chance to be wrong. */
  ctrAlwaysValidP: number;
  /** Share of the treatment's requests that failed. */
  errorRate: number;
  /** What the first failed request of the last day was told. */
  failure?: string;
  /** 95th percentile of the treatment's latency. */
  p95Ms: number;
  /** Exact p of what the guardrails allow: so many failed requests, so many (one in twenty) above the latency. */
  errorRateP: number;
  p95P: number;
}

export interface Verdict {
  outcome: 'running' | 'promote' | 'reject' | 'inconclusive' | 'rollback';
  /** Sentences, never none. */
  reasons: string[];
}

export type VerdictSettings = Pick<
  PromoteSettings,
  'days' | 'minimumSample' | 'significance' | 'srmThreshold' | 'guardrails'
>;

/**
 * The verdict, in this order: guardrails roll back at any time; a broken split proves nothing, however long it runs; then the plan is
 * waited for (no peeking); then the sample must suffice; then metrics decide, corrected for their number (Holm). In doubt: hold.
 */
export function verdict(state: ExperimentState, settings: VerdictSettings): Verdict {
  const broken = brokenGuardrails(state, settings);
  if (broken.length > 0) return { outcome: 'rollback', reasons: broken };

  const isSmall = isBelowSample(state, settings);
  if (!isSmall && state.srmP < settings.srmThreshold) {
    const reason = `the arms' sizes do not fit the plan (SRM p = ${state.srmP.toExponential(1)}): the split is broken, no figure of it can be trusted`;
    return { outcome: 'inconclusive', reasons: [reason] };
  }
  if (!state.finished) return { outcome: 'running', reasons: ['the planned days are not over'] };
  if (isSmall) {
    const { control, treatment } = state.readers;
    const reason = `too few readers: ${treatment} treated and ${control} in control, ${settings.minimumSample} an arm are needed`;
    return { outcome: 'inconclusive', reasons: [reason] };
  }
  return byMetrics(state, settings.significance);
}

function brokenGuardrails(state: ExperimentState, settings: VerdictSettings): string[] {
  const { errorRate, p95Ms, ctrDrop } = settings.guardrails;
  const reasons: string[] = [];
  // One look a day (Bonferroni): of ten requests a single failure is no reason yet, ten are.
  const isSure = (p: number): boolean => p < settings.significance / settings.days;
  if (state.errorRate > errorRate && isSure(state.errorRateP))
    reasons.push(
      `error rate ${percent(state.errorRate)} is above ${percent(errorRate)}${state.failure ? ` (the first: ${state.failure})` : ''}`,
    );
  if (state.p95Ms > p95Ms && isSure(state.p95P))
    reasons.push(`p95 latency ${Math.round(state.p95Ms)} ms is above ${p95Ms} ms`);
  const ctr = state.metrics.ctr?.relative;
  if (ctr && !isBelowSample(state, settings) && ctr.mean < -ctrDrop && state.ctrAlwaysValidP < settings.significance) {
    const p = state.ctrAlwaysValidP.toPrecision(2);
    reasons.push(`CTR fell by ${percent(-ctr.mean)} (always-valid p = ${p}), more than ${percent(ctrDrop)}`);
  }
  return reasons;
}

function isBelowSample({ readers }: ExperimentState, { minimumSample }: VerdictSettings): boolean {
  return Math.min(readers.control, readers.treatment) < minimumSample;
}

function byMetrics(state: ExperimentState, significance: number): Verdict {
  const names = Object.keys(state.metrics).filter((name) => Number.isFinite(state.metrics[name].p));
  const adjusted = holm(names.map((name) => state.metrics[name].p));
  const significant = names.filter((_, i) => adjusted[i] <= significance);
  const say = (name: string): string => {
    const { relative } = state.metrics[name];
    const p = adjusted[names.indexOf(name)].toPrecision(2);
    return `${name} ${relative.mean < 0 ? '' : '+'}${percent(relative.mean)} (p = ${p} after Holm over ${names.length})`;
  };
  const worse = significant.filter((name) => state.metrics[name].relative.mean < 0);
  if (worse.length > 0) return { outcome: 'reject', reasons: worse.map(say) };
  if (significant.length > 0) return { outcome: 'promote', reasons: significant.map(say) };
  return { outcome: 'inconclusive', reasons: ['no metric changed significantly', ...names.map(say)] };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
