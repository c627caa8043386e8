/** How often something happens in simulated experiments, against how often it should. */
import beta from '@stdlib/stats-base-dists-beta';
import { keyOf } from '../../lib/random.ts';

/** `promised`: the share of replicates in which the event happens; 'at most' and 'at least' where the method promises a bound. */
export interface Scenario {
  what: string;
  promised: number;
  is: 'equal' | 'at most' | 'at least';
  /** One simulated experiment: whether the event happened. */
  replicate(draw: Draw): boolean;
}

/** Replicates in which the event happened. */
export function countEvents({ what, replicate }: Scenario, n: number, seed: number): number {
  const draw = new Draw(what, seed);
  let events = 0;
  for (let i = 0; i < n; i++) events += replicate(draw) ? 1 : 0;
  return events;
}

/** Clopper-Pearson interval of the share of events, and whether the promise lies in it (or above, or below). */
export function judge(
  { promised, is }: Pick<Scenario, 'promised' | 'is'>,
  events: number,
  n: number,
  confidence: number,
): { low: number; high: number; isKept: boolean } {
  const tail = (1 - confidence) / 2;
  const low = events === 0 ? 0 : beta.quantile(tail, events, n - events + 1);
  const high = events === n ? 1 : beta.quantile(1 - tail, events + 1, n - events);
  return { low, high, isKept: (is === 'at most' || promised <= high) && (is === 'at least' || low <= promised) };
}

/** Random draws by sfc32 (Chris Doty-Humphrey, PractRand): nothing here is stored, and Philox is tens of times slower. */
export class Draw {
  #a: number;
  #b: number;
  #c = 0x9e3779b9;
  #counter = 1;

  constructor(...labels: readonly (string | number)[]) {
    [this.#a, this.#b] = keyOf('simulation', ...labels);
    for (let i = 0; i < 16; i++) this.uniform();
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 0x1_0000_0000;
  }

  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  normal(deviation = 1): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return deviation * radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Successes of n trials. */
  binomial(n: number, rate: number): number {
    let successes = 0;
    for (let i = 0; i < n; i++) if (this.uniform() < rate) successes++;
    return successes;
  }
}
