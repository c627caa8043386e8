/**
 * A family of claims "ours is better than other", each tested on seeds × readers, with one verdict each.
 *
 *     judgeClaims(rows: ClaimRow[], claims: string[], significance = 0.05): JudgedClaim[]
 *     ClaimRow = { claim, world, seed, reader, ours, other, least? }
 *
 * Higher must be better: for losses give the negative. "Keeps 90 % of the teacher" is ours = student, other = 0.9 · teacher.
 * The family is the list of claims, written before the results are seen; a claim without rows is an error, because a family that shrinks
 * makes every other verdict too sure.
 */
import { detectable, pairedEffect, type PairedEffect, type PairedRow } from './hierarchy.ts';

export interface ClaimRow extends PairedRow {
  claim: string;
  /** The least difference (> 0) that the claim states of this reader, where it states one: in all rows of a claim, or in none. */
  least?: number;
}

export interface JudgedClaim extends PairedEffect {
  claim: string;
  /** p of no difference after Holm over the family. */
  adjustedP: number;
  /**
   * holds: significantly better. does not hold: significantly worse, or significantly less than the least difference that is claimed.
   * Significant means after Holm's adjustment; the interval is not adjusted, so it may leave out 0 where nothing can be told.
   */
  verdict: 'holds' | 'does not hold' | 'cannot be told at this n';
  /** The least difference that is claimed, mean over readers; null where none is. */
  least: number | null;
  /** The smallest true difference that is found four times out of five at Holm's first, strictest step (approximate). */
  detectable: number;
  /** A sentence with the figures. */
  reason: string;
}

interface Hypothesis {
  claim: string;
  p: number;
}

/** Verdicts in the order of `claims`. */
export function judgeClaims(rows: readonly ClaimRow[], claims: readonly string[], significance = 0.05): JudgedClaim[] {
  const byClaim = Map.groupBy(rows, ({ claim }) => claim);
  const unknown = [...byClaim.keys()].find((name) => !claims.includes(name));
  if (unknown !== undefined)
    throw new RangeError(`rows of claim "${unknown}", which is not in the family: add it there`);
  const tested = claims.map((claim) => {
    const ofClaim = byClaim.get(claim);
    if (!ofClaim) throw new RangeError(`claim "${claim}" has no rows: measure it, or take it out of the family`);
    const effect = pairedEffect(ofClaim);
    const short = shortfall(ofClaim);
    const none: Hypothesis = { claim, p: effect.p };
    const least: Hypothesis | null = short && { claim, p: short.p };
    return { claim, effect, short, none, least };
  });
  const adjusted = adjust(tested.flatMap(({ none, least }) => (least ? [none, least] : [none])));

  return tested.map(({ claim, effect, short, none, least }) => {
    const isTold = (hypothesis: Hypothesis | null): boolean =>
      hypothesis !== null && (adjusted.get(hypothesis) ?? 1) <= significance;
    const { mean } = effect.difference;
    const isWorse = isTold(none) && mean < 0;
    const isLess = isTold(least) && short !== null && short.difference.mean < 0;
    const isBetter = isTold(none) && mean > 0;
    const verdict = isWorse || isLess ? 'does not hold' : isBetter ? 'holds' : 'cannot be told at this n';
    const claimed = short === null ? null : mean - short.difference.mean;
    const why = isWorse
      ? 'the difference goes the other way'
      : isLess
        ? `${claimed?.toFixed(4)}, the least that is claimed, is excluded`
        : '';
    const adjustedP = adjusted.get(none) ?? 1;
    const found = { ...effect, detectable: detectable(effect, significance / claims.length) };
    return { claim, ...found, least: claimed, adjustedP, verdict, reason: sentence(found, verdict, adjustedP, why) };
  });
}

/** The difference less the least one that is claimed; null where none is. */
function shortfall(rows: readonly ClaimRow[]): PairedEffect | null {
  if (rows.every(({ least }) => least === undefined)) return null;
  return pairedEffect(rows.map((row) => ({ ...row, ours: row.ours - (row.least ?? Number.NaN) })));
}

/**
 * Holm's steps with Shaffer's multiplier (1986): how many of the hypotheses that are left can be true together. That is one a claim, for
 * a difference is not at once none and as large as is claimed.
 */
function adjust(hypotheses: readonly Hypothesis[]): Map<Hypothesis, number> {
  const steps = hypotheses.toSorted((a, b) => a.p - b.p);
  let most = 0;
  return new Map(
    steps.map((hypothesis, i) => {
      const claims = new Set(steps.slice(i).map(({ claim }) => claim)).size;
      most = Math.max(most, Math.min(1, claims * hypothesis.p));
      return [hypothesis, most];
    }),
  );
}

function sentence(effect: PairedEffect, verdict: string, adjustedP: number, why: string): string {
  const { difference, p, detectable, worlds } = effect;
  const seeds = worlds.reduce((sum, world) => sum + world.seeds, 0);
  const readers = worlds.reduce((sum, world) => sum + world.readers, 0);
  const round = (value: number): string => value.toFixed(4);
  const figures = `difference ${round(difference.mean)} [${round(difference.low)}, ${round(difference.high)}], p = ${p.toPrecision(2)}, ${adjustedP.toPrecision(2)} after Holm`;
  const n = `${seeds} runs, ${readers} readers, ${worlds.length} ${worlds.length === 1 ? 'world' : 'worlds'}`;
  const more = Number.isFinite(detectable)
    ? `differences below ${round(detectable)} are missed more often than one time in five`
    : 'a world with a single seed or reader gives no interval';
  return `${verdict}: ${why === '' ? '' : `${why}; `}${figures} (${n})${verdict === 'cannot be told at this n' ? `; ${more}` : ''}`;
}
