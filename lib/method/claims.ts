/**
 * A family of claims "ours is better than other", each tested on seeds × readers, with one verdict each.
 *
 *     judgeClaims(rows: ClaimRow[], claims: Claim[], significance = 0.05): JudgedClaim[]
 *     ClaimRow = { claim, world, seed, reader, ours, other }     Claim = { claim, effect? }
 *
 * Higher must be better: for losses give the negative. "Keeps 90 % of the teacher" is ours = student, other = 0.9 · teacher.
 * The family is the list of claims, written before the results are seen; a claim without rows is an error, because a family that shrinks
 * makes every other verdict too sure.
 */
import { pairedEffect, type PairedEffect, type PairedRow } from './hierarchy.ts';
import { holm, tTest } from './statistics.ts';

export interface ClaimRow extends PairedRow {
  claim: string;
}

export interface Claim {
  claim: string;
  /** The least difference that the claim states (> 0), where it states one. */
  effect?: number;
}

export interface JudgedClaim extends PairedEffect {
  claim: string;
  /** p of no difference after Holm over the family. */
  adjustedP: number;
  /**
   * holds: significantly better. does not hold: significantly worse, or significantly less than the effect that is claimed.
   * Significant means after Holm's adjustment; the interval is not adjusted, so it may leave out 0 where nothing can be told.
   */
  verdict: 'holds' | 'does not hold' | 'cannot be told at this n';
  /** A sentence with the figures. */
  reason: string;
}

/** Verdicts in the order of `claims`. All hypotheses (no difference; the claimed effect, where there is one) form one family under Holm. */
export function judgeClaims(rows: readonly ClaimRow[], claims: readonly Claim[], significance = 0.05): JudgedClaim[] {
  const byClaim = Map.groupBy(rows, ({ claim }) => claim);
  const effects = claims.map(({ claim }) => {
    const ofClaim = byClaim.get(claim);
    if (!ofClaim) throw new RangeError(`claim "${claim}" has no rows: measure it, or take it out of the family`);
    return pairedEffect(ofClaim, 1 - significance);
  });
  const unknown = [...byClaim.keys()].find((name) => !claims.some(({ claim }) => claim === name));
  if (unknown !== undefined)
    throw new RangeError(`rows of claim "${unknown}", which is not in the family: add it there`);

  const ofClaimed = effects.map(({ difference, error, df }, i) => {
    const { effect } = claims[i];
    return effect === undefined ? undefined : tTest(difference.mean - effect, error, df).p;
  });
  const stated = claims.flatMap((_, i) => (ofClaimed[i] === undefined ? [] : [i]));
  const adjusted = holm([...effects.map(({ p }) => p), ...stated.map((i) => ofClaimed[i] as number)]);
  return claims.map(({ claim, effect }, i) => {
    const adjustedP = adjusted[i];
    const mean = effects[i].difference.mean;
    const isWorse = adjustedP <= significance && mean < 0;
    const isLess = effect !== undefined && mean < effect && adjusted[claims.length + stated.indexOf(i)] <= significance;
    const isBetter = adjustedP <= significance && mean > 0;
    const verdict = isWorse || isLess ? 'does not hold' : isBetter ? 'holds' : 'cannot be told at this n';
    const why = isWorse ? 'the difference goes the other way' : isLess ? `the claimed ${effect} is excluded` : '';
    return { claim, ...effects[i], adjustedP, verdict, reason: sentence(effects[i], verdict, adjustedP, why) };
  });
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
