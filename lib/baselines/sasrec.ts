/**
 * SASRec (Kang and McAuley 2018): causal self-attention over what a reader did; its newest state is scored against every article.
 *
 * The blocks are those of the authors' code: queries are normalised, keys and values are not, and the normalised query is what attention
 * is added to. Two departures: articles are fresh, so none has a learned row of its own: an item is its text's embedding through one
 * learned matrix, and so is a signal, with its kind beside its position; and there is no dropout: in a few hundred steps, leaving signals
 * out at random changed nothing.
 */
import { layerNorm } from '../tensor/compositions.ts';
import { add, attend, matmul, relu, reshape, slice, where } from '../tensor/ops.ts';
import { initialParameters } from './initial.ts';
import { EPSILON, type NetworkOf } from './ranker.ts';
import { causal, embedded, sequenceNetwork, sequenceParameters } from './sequences.ts';

/**
 * What each block's values start as, times the identity. The first block adds the mean of all signals to the newest one, so that it
 * outweighs it; a second mean would be one of means, in which old signals count more.
 */
const VALUES = [8, 0];
const BLOCKS = VALUES.length;

export const sasrec: NetworkOf = (plan) => {
  const { dimensions: d, maxLength } = plan.settings;
  const initial = initialParameters('sasrec', plan.seed);
  sequenceParameters(initial, plan.embedder.dimensions, d);
  initial.filled('position', [maxLength, d], 0);
  for (const [block, value] of VALUES.entries()) {
    initial.norm(`${block}.attention_norm`, d);
    initial.normal(`${block}.query`, [d, d]);
    initial.normal(`${block}.key`, [d, d]);
    initial.identity(`${block}.value`, [d, d], [[value]]);
    initial.norm(`${block}.feed_norm`, d);
    for (const name of ['feed_in', 'feed_out']) {
      initial.normal(`${block}.${name}`, [d, d]);
      initial.filled(`${block}.${name}.bias`, [d], 0);
    }
  }
  return sequenceNetwork(initial, plan, (p, x) => {
    const [readers, time] = x.kinds.shape;
    const bias = where(causal(x.kinds), 0, -1e9);
    let state = add(embedded(p, x, Math.sqrt(d)), p.position);
    for (let block = 0; block < BLOCKS; block++) {
      const of = (name: string) => p[`${block}.${name}`];
      const normed = layerNorm(state, of('attention_norm.weight'), of('attention_norm.bias'), EPSILON);
      const scores = matmul(matmul(normed, of('query')), matmul(state, of('key')), {
        transB: true,
        scale: 1 / Math.sqrt(d),
      });
      const attended = add(normed, attend(add(scores, bias), matmul(state, of('value'))));
      const second = layerNorm(attended, of('feed_norm.weight'), of('feed_norm.bias'), EPSILON);
      const hidden = relu(add(matmul(second, of('feed_in')), of('feed_in.bias')));
      state = add(second, add(matmul(hidden, of('feed_out')), of('feed_out.bias')));
    }
    return reshape(slice(state, 1, time - 1, time), [readers, d]);
  });
};
