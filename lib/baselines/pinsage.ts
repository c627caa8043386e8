/**
 * PinSage (Ying et al. 2018, algorithms 1 and 2): two graph convolutions over neighbourhoods that random walks find. Neighbours are
 * weighted by how often the walks visit them; a dense layer gives the embedding that is scored.
 *
 * The graph joins readers with what they read, searched and clicked (`walks.ts`). Departures: the paper recommends pins for a pin; here a
 * reader is a node too, whose own features are the mean of its signals' embeddings. Features are frozen text embeddings, as the paper's
 * are frozen too. A fresh article has no edges yet: its neighbourhood is empty, and its own features must do. The loss is the cross-entropy
 * over the pool, not a margin to sampled and hard negatives. Where readers are asked at different times, the graph holds what others did
 * after one of them was asked: it is favoured, if at all.
 */
import type { Reader } from '../data/rows.ts';
import { normalise } from '../retrieval/bag-embedder.ts';
import type { Traced } from '../tensor/computation.ts';
import type { Tensor } from '../tensor/graph.ts';
import { normalizeRows } from '../tensor/compositions.ts';
import { add, gather, matmul, relu, reshape } from '../tensor/ops.ts';
import { type InitialParameters, initialParameters } from './initial.ts';
import type { NetworkOf } from './ranker.ts';
import { embedSignals } from '../method/signal-vectors.ts';
import { openWalks } from './walks.ts';

/** Neighbours of a neighbour. */
const SECOND = 8;

/**
 * ReLU lets half of a vector through. So hidden layers are twice as wide, and start as [I, −I]: positive and negative parts side by side,
 * which the next layer's start [I, −I; −I, I] tells apart again. The network starts as a mean over the neighbourhood.
 */
const SPLIT = [[1, -1]];
const REJOIN = [
  [1, -1],
  [-1, 1],
];

export const pinsage: NetworkOf = ({ readers: known, embedder, settings: { dimensions: d, maxLength }, seed }) => {
  const width = embedder.dimensions;
  const initial = initialParameters('pinsage', seed);
  convolution(initial, 'first', [width, 2 * d]);
  convolution(initial, 'second', [2 * d, 2 * d]);
  initial.identity('hidden', [2 * d, 2 * d]);
  initial.filled('hidden.bias', [2 * d], 0);
  initial.identity('out', [2 * d, d], [[1], [-1]]);
  initial.norm('final_norm', d);

  return {
    parameters: initial.parameters,
    /** The graph is of the train readers and of those that are opened: as a portal would know both. */
    open: async (readers) => {
      const all = readers === known ? known : [...known, ...readers];
      const first = all.length - readers.length;
      const vectors = await embedSignals(all, embedder);
      const walks = openWalks(all, seed);
      const nodes = featuresOf(all, vectors, walks.nodeOf, walks.nodes, width);
      const around = walks.aroundNodes(SECOND);
      const second = { shape: [walks.nodes, SECOND], data: around.ids };
      const secondWeights = { shape: [walks.nodes, SECOND], data: around.weights };
      return (chosen) => {
        const at = chosen.map((i) => first + i);
        const { ids, weights } = walks.aroundReaders(at, maxLength);
        const own = new Float32Array(at.length * width);
        at.forEach((reader, i) => own.set(meanOf(vectors[reader], width), i * width));
        return {
          own: { shape: [at.length, width], data: own },
          neighbours: { shape: [at.length, maxLength], data: ids },
          weights: { shape: [at.length, maxLength], data: weights },
          nodes: { shape: [walks.nodes, width], data: nodes },
          second,
          secondWeights,
        };
      };
    },
    items: (p, articles) => embedding(p, convolve(p, 'second', convolve(p, 'first', articles))),
    states: (p, { own, neighbours, weights, nodes, second, secondWeights }) => {
      const near = gather(nodes, neighbours);
      const far = { features: gather(nodes, gather(second, neighbours)), weights: gather(secondWeights, neighbours) };
      const nearby = { features: convolve(p, 'first', near, far), weights };
      const reader = convolve(p, 'first', own, { features: near, weights });
      return embedding(p, convolve(p, 'second', reader, nearby));
    },
  };
};

interface Neighbourhood {
  /** [..., neighbours, width]. */
  features: Tensor;
  /** Importance, [..., neighbours]: sums to 1, or to 0 where there is none. */
  weights: Tensor;
}

function convolution(initial: InitialParameters, name: string, [width, hidden]: [number, number]): void {
  const isFirst = width !== hidden;
  initial.identity(`${name}.neighbours`, [width, hidden], isFirst ? SPLIT : [[1]]);
  initial.filled(`${name}.neighbours.bias`, [hidden], 0);
  initial.identity(`${name}.own`, [width, hidden], isFirst ? SPLIT : REJOIN);
  initial.identity(`${name}.pooled`, [hidden, hidden], REJOIN);
  initial.filled(`${name}.bias`, [hidden], 0);
}

/** Algorithm 1: own features [..., width] and a neighbourhood's → [..., hidden], rows of unit length. */
function convolve(p: Traced, name: string, own: Tensor, neighbourhood?: Neighbourhood): Tensor {
  let sum = add(matmul(own, p[`${name}.own`]), p[`${name}.bias`]);
  if (neighbourhood) {
    const { features, weights } = neighbourhood;
    const messages = relu(add(matmul(features, p[`${name}.neighbours`]), p[`${name}.neighbours.bias`]));
    const row = reshape(weights, [...weights.shape.slice(0, -1), 1, weights.shape[weights.shape.length - 1]]);
    sum = add(sum, matmul(reshape(matmul(row, messages), sum.shape), p[`${name}.pooled`]));
  }
  return normalizeRows(relu(sum));
}

/** Algorithm 2, line 15. */
function embedding(p: Traced, h: Tensor): Tensor {
  return matmul(relu(add(matmul(h, p.hidden), p['hidden.bias'])), p.out);
}

/** Text embeddings of all nodes: [nodes × width]. */
function featuresOf(
  readers: readonly Reader[],
  vectors: readonly (readonly Float32Array[])[],
  nodeOf: (reader: number, signal: number) => number,
  nodes: number,
  width: number,
): Float32Array {
  const features = new Float32Array(nodes * width);
  readers.forEach(({ signals }, reader) =>
    signals.forEach((_, i) => features.set(vectors[reader][i], nodeOf(reader, i) * width)),
  );
  return features;
}

/** Unit length; zeros where there is nothing. */
function meanOf(vectors: readonly Float32Array[], width: number): Float32Array {
  const mean = new Float32Array(width);
  for (const vector of vectors) for (let i = 0; i < width; i++) mean[i] += vector[i];
  normalise(mean);
  return mean;
}
