/**
 * Counter-based randomness: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 *
 * Every draw is a pure function of a key (what it is for) and a counter (which draw it is). So a rollout does not
 * depend on how many workers there are, on who ran before, or on how often a process was killed.
 */
const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** One Philox4x32-10 block: four uint32 from a 128-bit counter and a 64-bit key. */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): Uint32Array {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [hi0, lo0] = multiply(M0, c0);
    const [hi1, lo1] = multiply(M1, c2);
    [c0, c1, c2, c3] = [(hi1 ^ c1 ^ k0) >>> 0, lo1, (hi0 ^ c3 ^ k1) >>> 0, lo0];
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return Uint32Array.of(c0, c1, c2, c3);
}

/** The full 64-bit product of two uint32 as [high, low], without BigInt. */
function multiply(a: number, b: number): [number, number] {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle1 = aHigh * bLow + (low >>> 16);
  const middle2 = aLow * bHigh + (middle1 & 0xffff);
  const high = aHigh * bHigh + Math.floor(middle1 / 0x10000) + Math.floor(middle2 / 0x10000);
  return [high >>> 0, (((middle2 & 0xffff) << 16) | (low & 0xffff)) >>> 0];
}

/** A label of a random stream: a seed, a purpose ("rollout"), a round, a reader's id … */
export type Label = string | number;

/** A 64-bit key from labels, order-sensitive (FNV-1a in two lanes: a key, not a secret). */
export function keyOf(...labels: readonly Label[]): [number, number] {
  let a = 0x811c9dc5;
  let b = 0x01000193 ^ labels.length;
  const feed = (byte: number): void => {
    a = Math.imul(a ^ byte, 0x01000193) >>> 0;
    b = Math.imul(b ^ byte, 0x5bd1e995) >>> 0;
    b = (b ^ (b >>> 15)) >>> 0;
  };
  for (const label of labels) {
    const text = typeof label === 'number' ? `#${label}` : label;
    for (let i = 0; i < text.length; i++) {
      feed(text.charCodeAt(i) & 0xff);
      feed(text.charCodeAt(i) >>> 8);
    }
    feed(0x1f);
  }
  return [a, b];
}

/** The uniform in [0, 1) at one position of the stream of these labels: random access, no state. 53 bits. */
export function uniformAt(key: readonly [number, number], position: number): number {
  const block = philox([position >>> 0, Math.floor(position / 0x1_0000_0000), 0, 0], key);
  return toUnit(block[0], block[1]);
}

function toUnit(high: number, low: number): number {
  return ((high >>> 5) * 0x4000000 + (low >>> 6)) / 0x20000000000000;
}

/** A sequential reader of one stream, for generators that draw as they go. Same labels, same sequence, on every machine. */
export class Random {
  readonly #key: [number, number];
  #block: Uint32Array = new Uint32Array(4);
  #position = 0;

  constructor(...labels: readonly Label[]) {
    this.#key = keyOf(...labels);
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    const half = this.#position & 1;
    if (half === 0) {
      const index = this.#position / 2;
      this.#block = philox([index >>> 0, Math.floor(index / 0x1_0000_0000), 1, 0], this.#key);
    }
    this.#position++;
    return toUnit(this.#block[half * 2], this.#block[half * 2 + 1]);
  }

  /** Integer in [0, n). */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)];
  }

  /** Index drawn in proportion to non-negative weights. */
  weighted(weights: ArrayLike<number>): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i];
    let left = this.uniform() * total;
    for (let i = 0; i < weights.length; i++) {
      left -= weights[i];
      if (left < 0) return i;
    }
    return weights.length - 1;
  }

  /** Standard normal (Box-Muller, one of the pair). */
  normal(mean = 0, deviation = 1): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return mean + deviation * radius * Math.cos(2 * Math.PI * this.uniform());
  }

  exponential(mean = 1): number {
    return -mean * Math.log(1 - this.uniform());
  }

  /** Poisson by Knuth's product: for small means. */
  poisson(mean: number): number {
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = this.uniform(); product > limit; product *= this.uniform()) count++;
    return count;
  }

  /** Gamma(shape, 1), Marsaglia and Tsang 2000. */
  gamma(shape: number): number {
    if (shape < 1) return this.gamma(shape + 1) * this.uniform() ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && Math.log(1 - this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  }

  /** Symmetric Dirichlet of n parts. */
  dirichlet(n: number, concentration: number): number[] {
    const parts = Array.from({ length: n }, () => this.gamma(concentration));
    const total = parts.reduce((sum, part) => sum + part, 0);
    return parts.map((part) => part / total);
  }

  /** A new array in random order (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  }

  /** k different indices of [0, n), each draw in proportion to the weights left. */
  sampleWithout(weights: ArrayLike<number>, k: number): number[] {
    const left = Float64Array.from(weights);
    const out: number[] = [];
    for (let i = 0; i < k; i++) {
      const index = this.weighted(left);
      if (!(left[index] > 0)) break;
      out.push(index);
      left[index] = 0;
    }
    return out;
  }
}
