/**
 * HSTU (Zhai et al. 2024, "Actions Speak Louder than Words", eq. 1-3): layers of pointwise attention, which sums where softmax would
 * average, gated by what each place itself says, with biases by distance in places and in time. Its newest state is scored against every
 * article.
 *
 * Departures: the paper's items are ids; articles are fresh, so an item is its text's embedding through one learned matrix, with the
 * signal's kind as the action. One head, since the states are narrow. The loss is on the newest place alone, as for the other baselines.
 */
import type { Reader } from '../data/rows.ts';
import type { Traced } from '../tensor/computation.ts';
import { constant, type Tensor } from '../tensor/graph.ts';
import { layerNorm } from '../tensor/compositions.ts';
import { add, gather, matmul, mul, reshape, silu, slice, where } from '../tensor/ops.ts';
import { initialParameters } from './initial.ts';
import { EPSILON, type NetworkOf } from './ranker.ts';
import { causal, embedded, sequenceNetwork, sequenceParameters } from './sequences.ts';

/** What each layer's output matrix starts as, times the identity: as in SASRec, the first adds the mean of all signals to the newest one. */
const OUTPUTS = [8, 0];
/** Of differences in time: a bucket is .301 wide in ln seconds, as in the authors' code. */
const BUCKETS = 128;
/**
 * Biases with which SiLU is a near identity or a near 1: values start as they are (their common part is taken out by the norm), gates
 * open, and all signals count alike.
 */
const START = { v: 3, u: 1.28, position: 1 } as const;

export const hstu: NetworkOf = (plan) => {
  const { dimensions: d, maxLength } = plan.settings;
  const initial = initialParameters('hstu', plan.seed);
  sequenceParameters(initial, plan.embedder.dimensions, d);
  for (const [layer, output] of OUTPUTS.entries()) {
    initial.norm(`${layer}.input_norm`, d);
    for (const name of ['u', 'q', 'k']) initial.normal(`${layer}.${name}`, [d, d]);
    initial.identity(`${layer}.v`, [d, d]);
    for (const [name, value] of Object.entries({ u: START.u, v: START.v, q: 0, k: 0 }))
      initial.filled(`${layer}.${name}.bias`, [d], value);
    initial.filled(`${layer}.position`, [maxLength], START.position);
    initial.filled(`${layer}.time`, [BUCKETS + 1], 0);
    initial.norm(`${layer}.attended_norm`, d);
    initial.identity(`${layer}.out`, [d, d], [[output]]);
    initial.filled(`${layer}.out.bias`, [d], 0);
  }
  const network = sequenceNetwork(initial, plan, (p, x) => {
    const [readers, time] = x.kinds.shape;
    const looks = causal(x.kinds);
    let state = embedded(p, x, Math.sqrt(d));
    for (let layer = 0; layer < OUTPUTS.length; layer++) state = stu(p, layer, state, looks, x.times);
    return reshape(slice(state, 1, time - 1, time), [readers, d]);
  });
  return {
    ...network,
    open: async (readers) => {
      const feedsOf = await network.open(readers);
      return (chosen) => ({ ...feedsOf(chosen), times: timeBuckets(readers, chosen, maxLength) });
    },
  };
};

/** One layer: [readers, time, d] → the same. */
function stu(p: Traced, layer: number, x: Tensor, looks: Tensor, times: Tensor): Tensor {
  const of = (name: string): Tensor => p[`${layer}.${name}`];
  const [, time] = x.shape;
  const normed = layerNorm(x, of('input_norm.weight'), of('input_norm.bias'), EPSILON);
  const projected = (name: string): Tensor => silu(add(matmul(normed, of(name)), of(`${name}.bias`)));
  const [u, v, q, k] = ['u', 'v', 'q', 'k'].map(projected);
  const bias = add(gather(of('position'), distances(time)), gather(of('time'), times));
  const weights = where(looks, mul(silu(add(matmul(q, k, { transB: true }), bias)), 1 / time), 0);
  const attended = layerNorm(matmul(weights, v), of('attended_norm.weight'), of('attended_norm.bias'), EPSILON);
  return add(x, add(matmul(mul(attended, u), of('out')), of('out.bias')));
}

/** Places from i back to j, 0 where j is later: [time (i), time (j)]. */
function distances(time: number): Tensor {
  const data = Int32Array.from({ length: time * time }, (_, at) => Math.max(0, Math.floor(at / time) - (at % time)));
  return constant(data, [time, time]);
}

/**
 * The bucket of the time from signal j to what follows signal i, [readers, time (i), time (j)]: the next signal, and the reader's cutoff
 * after the newest, since then it is asked what comes next. Empty places: 0.
 */
function timeBuckets(
  readers: readonly Reader[],
  chosen: readonly number[],
  maxLength: number,
): { shape: number[]; data: Int32Array } {
  const data = new Int32Array(chosen.length * maxLength * maxLength);
  chosen.forEach((at, row) => {
    const { signals, cutoff } = readers[at];
    const times = [...signals.slice(-maxLength).map((signal) => signal.at), cutoff];
    const first = maxLength + 1 - times.length;
    for (let i = 0; i + 1 < times.length; i++)
      for (let j = 0; j <= i; j++)
        data[(row * maxLength + first + i) * maxLength + first + j] = bucketOf((times[i + 1] - times[j]) / 1000);
  });
  return { shape: [chosen.length, maxLength, maxLength], data };
}

/** Of a difference in seconds. */
function bucketOf(seconds: number): number {
  return Math.min(BUCKETS, Math.floor(Math.log(Math.max(1, Math.abs(seconds))) / 0.301));
}
