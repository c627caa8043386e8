/**
 * From logits to a token. A row of logits becomes probabilities at a temperature; filters set some of them to zero; a uniform number
 * picks one of the rest. The filters do what those of Transformers do to logits, in the same order: temperature, top-k, top-p, min-p.
 */
import { NumericsError } from '../errors.ts';

/** What narrows the distribution: 0 tokens, mass 1 and ratio 0 mean all. */
export interface Filters {
  /** Keep the k most probable tokens, and those equal to the last of them. */
  topK: number;
  /** Keep the fewest most probable tokens whose mass reaches this. Holtzman et al. 2020. */
  topP: number;
  /** Keep tokens at least this fraction as probable as the most probable. */
  minP: number;
}

export interface Draw {
  token: number;
  /** Natural log of its probability under the filtered distribution. */
  logprob: number;
}

/** Draws by inversion: `uniform` in [0, 1) decides alone. Probabilities need not sum to exactly 1. */
export function drawToken(probabilities: Float32Array, filters: Filters, uniform: number): Draw {
  const kept = isNarrow(filters) ? filtered(probabilities, filters) : probabilities;
  const total = kept === probabilities ? 1 : sum(kept);
  let left = uniform * total;
  let token = -1;
  for (let i = 0; i < kept.length; i++) {
    const p = kept[i];
    if (p > 0) token = i;
    left -= p;
    if (left < 0 && p > 0) break;
  }
  if (token < 0) throw notFinite();
  return { token, logprob: Math.log(kept[token] / total) };
}

/** The most probable token; of equals the first. Its log-probability is that without filters. */
export function greedyToken(probabilities: Float32Array): Draw {
  let token = 0;
  for (let i = 1; i < probabilities.length; i++) if (probabilities[i] > probabilities[token]) token = i;
  if (!(probabilities[token] > 0)) throw notFinite();
  return { token, logprob: Math.log(probabilities[token]) };
}

/**
 * The distribution over the allowed tokens (1; entries beyond the array count as 0) alone, summing to 1, from the logs of all tokens'
 * probabilities. Throws NumericsError where these are not finite, RangeError where nothing is allowed.
 */
export function restricted(logs: Float32Array, allowed: Uint8Array): Float32Array {
  const kept = new Float32Array(logs.length);
  const end = Math.min(allowed.length, logs.length);
  let highest = Number.NEGATIVE_INFINITY;
  let count = 0;
  for (let i = 0; i < end; i++) {
    if (allowed[i] === 0) continue;
    count++;
    if (logs[i] > highest) highest = logs[i];
  }
  if (count === 0) throw new RangeError('the constraint allows no token here');
  let total = 0;
  for (let i = 0; i < end; i++) {
    if (allowed[i] === 0) continue;
    kept[i] = Math.exp(logs[i] - highest);
    total += kept[i];
  }
  if (!Number.isFinite(total)) throw notFinite();
  for (let i = 0; i < end; i++) kept[i] /= total;
  return kept;
}

/** softmax(logits / temperature). */
export function probabilitiesOf(logits: Float32Array, temperature: number): Float32Array {
  let highest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > highest) highest = logit;
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - highest) / temperature));
  const total = sum(weights);
  return Float32Array.from(weights, (weight) => weight / total);
}

/** Logits of tokens that occurred before, divided by the penalty where positive, multiplied where negative. Keskar et al. 2019. */
export function penalizeRepetition(logits: Float32Array, previous: Iterable<number>, penalty: number): Float32Array {
  const out = logits.slice();
  for (const token of new Set(previous))
    out[token] = logits[token] < 0 ? logits[token] * penalty : logits[token] / penalty;
  return out;
}

/** The kept probabilities, summing to 1; zero elsewhere. */
export function filterProbabilities(probabilities: Float32Array, filters: Filters): Float32Array {
  const kept = filtered(probabilities, filters);
  const total = sum(kept);
  return kept.map((p) => p / total);
}

function notFinite(): NumericsError {
  return new NumericsError('no token has a probability above zero: the logits are not finite, the model is broken');
}

/** Whether the filters leave anything out. */
function isNarrow({ topK, topP, minP }: Filters): boolean {
  return topK > 0 || topP < 1 || minP > 0;
}

/** Kept as they are, zero elsewhere. */
function filtered(probabilities: Float32Array, { topK, topP, minP }: Filters): Float32Array {
  let kept = probabilities;
  if (topK > 0 && topK < kept.length) kept = above(kept, largest(kept, topK));
  if (topP < 1) kept = keepMass(kept, topP);
  if (minP > 0) kept = above(kept, Math.fround(minP * kept[greedyToken(kept).token]));
  return kept;
}

/** The k-th largest, by a heap of the k largest so far whose root is the smallest of them. */
function largest(values: Float32Array, k: number): number {
  const heap = values.slice(0, k).sort();
  for (let i = k; i < values.length; i++) {
    if (values[i] <= heap[0]) continue;
    let at = 0;
    for (let child = 1; child < k; child = 2 * at + 1) {
      if (child + 1 < k && heap[child + 1] < heap[child]) child++;
      if (heap[child] >= values[i]) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = values[i];
  }
  return heap[0];
}

function above(probabilities: Float32Array, least: number): Float32Array {
  return probabilities.map((p) => (p >= least ? p : 0));
}

/**
 * Least probable first, tokens go as long as all that went weighs at most 1 - topP of the whole; the most probable always stays, of
 * equals the first.
 */
function keepMass(probabilities: Float32Array, topP: number): Float32Array {
  const mayGo = (1 - topP) * sum(probabilities);
  // All below this weigh less than may go, together: they need not be sorted. The most probable is above it.
  const little = mayGo / (probabilities.length + 1);
  const kept = above(probabilities, little);
  let gone = sum(probabilities) - sum(kept);
  const candidates = Uint32Array.from(kept.keys()).filter((i) => kept[i] > 0);
  const ascending = candidates.sort((a, b) => probabilities[a] - probabilities[b] || b - a);
  for (const token of ascending.subarray(0, -1)) {
    gone += probabilities[token];
    if (gone > mayGo) break;
    kept[token] = 0;
  }
  return kept;
}

function sum(values: Float32Array | Float64Array): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}
