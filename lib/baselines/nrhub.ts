/**
 * NRHUB (Wu et al. 2019, "Neural News Recommendation with Heterogeneous User Behavior"): searches, pages and clicks are three views of a
 * reader. Attention pools each view's signals, and a second attention pools the views.
 *
 * Departures: the paper learns word vectors, with a convolution and word attention in each view; here a text is its frozen embedding
 * through one learned matrix, which articles share. A view counts in proportion to its signals before attention weighs it (the paper does not
 * say what becomes of an empty one): so the start, with even attention, is the mean of all signals. With views alike it is worse
 * (docs/experiments.md).
 */
import type { SignalKind } from '../data/rows.ts';
import type { Traced } from '../tensor/computation.ts';
import type { Tensor } from '../tensor/graph.ts';
import {
  add,
  attend,
  cast,
  concat,
  equal,
  less,
  log,
  matmul,
  maximum,
  reshape,
  sum,
  tanh,
  where,
} from '../tensor/ops.ts';
import { initialParameters } from './initial.ts';
import type { NetworkOf } from './ranker.ts';
import { embedded, kindIds, sequenceNetwork, sequenceParameters } from './sequences.ts';

/** The bias of a place that is not there. */
const NEVER = -1e9;

const kinds = Object.keys(kindIds) as SignalKind[];

export const nrhub: NetworkOf = (plan) => {
  const { dimensions: d } = plan.settings;
  const initial = initialParameters('nrhub', plan.seed);
  sequenceParameters(initial, plan.embedder.dimensions, d);
  for (const pooling of [...kinds, 'views']) {
    initial.normal(`${pooling}.in`, [d, d]);
    initial.filled(`${pooling}.bias`, [d], 0);
    initial.normal(`${pooling}.query`, [d, 1]);
  }
  return sequenceNetwork(initial, plan, (p, x) => {
    const signals = embedded(p, x);
    const ofKind = kinds.map((kind) => equal(x.kinds, kindIds[kind]));
    const views = kinds.map((kind, i) => pooled(p, kind, signals, where(ofKind[i], 0, NEVER)));
    const sizes = concat(
      ofKind.map((mask) => sum(cast(mask, 'float32'), [1], true)),
      1,
    );
    return reshape(pooled(p, 'views', concat(views, 1), where(less(0, sizes), log(maximum(sizes, 1)), NEVER)), [-1, d]);
  });
};

/** Additive attention: softmax(qᵀ tanh(V x + v) + bias [readers, time]), [readers, time, d] → [readers, 1, d]. The mean where all biases are NEVER. */
function pooled(p: Traced, name: string, x: Tensor, bias: Tensor): Tensor {
  const [readers, time] = bias.shape;
  const hidden = tanh(add(matmul(x, p[`${name}.in`]), p[`${name}.bias`]));
  const scores = add(reshape(matmul(hidden, p[`${name}.query`]), [readers, time]), bias);
  return attend(reshape(scores, [readers, 1, time]), x);
}
