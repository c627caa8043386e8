/**
 * GRU4Rec (Hidasi et al. 2016): one layer of gated recurrent units reads a reader's signals, oldest first; its last state is scored
 * against every article. One layer, as the paper found best.
 *
 * Departures: the paper feeds an item's id as one of n; articles are fresh, so an item is its text's embedding through one learned matrix.
 * The loss is the cross-entropy over the pool, not BPR or TOP1 over a batch's other items (the authors' own later choice: Hidasi and
 * Karatzoglou 2018). Readers are of a few tens of signals, so none is carried over from one batch to the next.
 */
import type { Tensor } from '../tensor/graph.ts';
import { add, cast, matmul, mul, reshape, sigmoid, slice, sub, tanh, zeros } from '../tensor/ops.ts';
import { initialParameters } from './initial.ts';
import type { NetworkOf } from './ranker.ts';
import { embedded, isSignal, sequenceNetwork, sequenceParameters } from './sequences.ts';

/** Of the update gate: a state starts as a mean in which each new signal replaces a twentieth of what was. */
const UPDATE_BIAS = -3;

export const gru4rec: NetworkOf = (plan) => {
  const { dimensions: d } = plan.settings;
  const initial = initialParameters('gru4rec', plan.seed);
  sequenceParameters(initial, plan.embedder.dimensions, d);
  for (const gate of ['update', 'reset']) {
    initial.normal(`${gate}.in`, [d, d]);
    initial.normal(`${gate}.state`, [d, d]);
  }
  initial.filled('update.bias', [d], UPDATE_BIAS);
  initial.filled('reset.bias', [d], 0);
  initial.identity('candidate.in', [d, d]);
  initial.normal('candidate.state', [d, d]);
  initial.filled('candidate.bias', [d], 0);
  return sequenceNetwork(initial, plan, (p, x) => {
    const [readers, time] = x.kinds.shape;
    const inputs = embedded(p, x);
    const present = reshape(cast(isSignal(x.kinds), 'float32'), [readers, time, 1]);
    const projected = (name: string): Tensor => add(matmul(inputs, p[`${name}.in`]), p[`${name}.bias`]);
    const [update, reset, candidate] = ['update', 'reset', 'candidate'].map(projected);
    let state = zeros([readers, d]);
    for (let t = 0; t < time; t++) {
      const at = (all: Tensor): Tensor => reshape(slice(all, 1, t, t + 1), [readers, -1]);
      const r = sigmoid(add(at(reset), matmul(state, p['reset.state'])));
      const z = mul(sigmoid(add(at(update), matmul(state, p['update.state']))), at(present));
      const next = tanh(add(at(candidate), matmul(mul(r, state), p['candidate.state'])));
      state = add(state, mul(z, sub(next, state)));
    }
    return state;
  });
};
