/** A reader as the sequence of its newest signals: what the sequential baselines read. */
import type { Reader, SignalKind } from '../data/rows.ts';
import type { Embedder } from '../retrieval/embedder.ts';
import type { Traced } from '../tensor/computation.ts';
import type { Tensor } from '../tensor/graph.ts';
import { add, and, gather, less, matmul, mul, or, equal, range, reshape } from '../tensor/ops.ts';
import type { Feeds } from '../tensor/session.ts';
import type { InitialParameters } from './initial.ts';
import type { Network, NetworkOf } from './ranker.ts';
import { embedSignals } from '../method/signal-vectors.ts';

/** 0 marks a place without a signal. */
export const kindIds: Record<SignalKind, number> = { search: 1, page: 2, click: 3 };
const KINDS = 4;

/**
 * Feeds of the chosen readers: signals [readers, maxLength, width] and kinds [readers, maxLength], newest last, empty places before them.
 */
async function openSequences(
  readers: readonly Reader[],
  embedder: Embedder,
  maxLength: number,
): Promise<(chosen: readonly number[]) => Feeds> {
  const vectors = await embedSignals(readers, embedder);
  const width = embedder.dimensions;
  return (chosen) => {
    const signals = new Float32Array(chosen.length * maxLength * width);
    const kinds = new Int32Array(chosen.length * maxLength);
    chosen.forEach((at, i) => {
      const newest = readers[at].signals.slice(-maxLength);
      const [from, first] = [readers[at].signals.length - newest.length, (i + 1) * maxLength - newest.length];
      newest.forEach(({ kind }, place) => {
        signals.set(vectors[at][from + place], (first + place) * width);
        kinds[first + place] = kindIds[kind];
      });
    });
    return {
      signals: { shape: [chosen.length, maxLength, width], data: signals },
      kinds: { shape: [chosen.length, maxLength], data: kinds },
    };
  };
}

/** Parameters of `embedded`: a matrix for signals and articles alike, a row for each kind. */
export function sequenceParameters(of: InitialParameters, width: number, dimensions: number): void {
  of.identity('item', [dimensions, width]);
  of.filled('kind', [KINDS, dimensions], 0);
}

/** A network that reads sequences by `states`. Articles go through the signals' own matrix: fresh ones have no learned rows. */
export function sequenceNetwork(
  initial: InitialParameters,
  { embedder, settings: { dimensions, maxLength } }: Parameters<NetworkOf>[0],
  states: Network['states'],
): Network {
  initial.norm('final_norm', dimensions);
  return {
    parameters: initial.parameters,
    open: (readers) => openSequences(readers, embedder, maxLength),
    items: (p, articles) => matmul(articles, p.item, { transB: true }),
    states,
  };
}

/** Signals in the model's space, `scale` times as long, with their kind: [readers, time, d]. */
export function embedded(p: Traced, { signals, kinds }: Traced, scale = 1): Tensor {
  return add(mul(matmul(signals, p.item, { transB: true }), scale), gather(p.kind, kinds));
}

/** Whether each place holds a signal: [readers, time]. */
export function isSignal(kinds: Tensor): Tensor {
  return less(0, kinds);
}

/**
 * Where place i may look: at itself, and at the signals before it: [readers, time (i), time]. Itself always, so that a reader without
 * signals has a state too.
 */
export function causal(kinds: Tensor): Tensor {
  const [readers, time] = kinds.shape;
  const [key, query] = [reshape(range(time), [1, 1, time]), reshape(range(time), [1, time, 1])];
  return or(equal(key, query), and(less(key, query), reshape(isSignal(kinds), [readers, 1, time])));
}
