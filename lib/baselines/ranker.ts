/**
 * What every trained baseline shares. A network turns readers into states and articles into items; a reader's ranking is that of the
 * products of its state with the items. All learn alike: the cross-entropy of a click over the whole train pool, where the papers compare
 * it with a few sampled articles. It is what the papers' own losses approximate, and these pools are small enough for it
 * (Klenitskiy and Vasilev 2023: with it, SASRec is much stronger).
 */
import type { Reader } from '../data/rows.ts';
import { DataError, NumericsError } from '../errors.ts';
import { Random } from '../random.ts';
import type { AnnIndex } from '../retrieval/ann.ts';
import type { Embedder } from '../retrieval/embedder.ts';
import { topPositions } from '../retrieval/exact.ts';
import { createComputation, type Traced } from '../tensor/computation.ts';
import type { Tensor } from '../tensor/graph.ts';
import { layerNorm } from '../tensor/compositions.ts';
import { logProbAt, matmul, mean, neg } from '../tensor/ops.ts';
import { countParameters, type Parameters } from '../tensor/parameters.ts';
import type { Feeds } from '../tensor/session.ts';
import { createTrainer } from '../tensor/trainer.ts';
import { RECALL_DEPTH } from '../training/recall.ts';

/** What one training is told. */
export interface RankerPlan {
  /** Of the train split. */
  readers: readonly Reader[];
  /** Of the train split's fresh articles. */
  index: AnnIndex;
  embedder: Embedder;
  settings: RankerSettings;
  seed: number;
  threads: number;
  report: (fraction: number, loss: number) => void;
}

export interface RankerSettings {
  /** Optimizer steps, each on BATCH clicks. */
  steps: number;
  /** Of states and items. */
  dimensions: number;
  /** Newest signals of a reader that are read (PinSage: neighbours of a node). */
  maxLength: number;
  /** At the first step; it falls linearly to 0. */
  learningRate: number;
}

/** A trained baseline. */
export interface Ranker {
  /** Ranked positions in `index` of each reader's articles, best first, at most RECALL_DEPTH. A reader without signals gets the ranking of the model's empty state. */
  rank(readers: readonly Reader[], index: AnnIndex): Promise<Int32Array[]>;
  /** Mean loss (nats a click) of the last tenth of the steps. */
  loss: number;
  /** Numbers that were learned. */
  parameters: number;
}

/** A baseline's own part. */
export interface Network {
  /** Updated in place by training; has `final_norm.weight` and `final_norm.bias` [dimensions] for the states. */
  parameters: Parameters;
  /** Prepares readers once; the result feeds those at the chosen indices, in that order. */
  open(readers: readonly Reader[]): Promise<(chosen: readonly number[]) => Feeds>;
  /** States of the fed readers: [readers, dimensions]. */
  states(p: Traced, x: Traced): Tensor;
  /** Items of articles' text embeddings [articles, width]: [articles, dimensions]. */
  items(p: Traced, articles: Tensor): Tensor;
}

export type NetworkOf = (plan: Omit<RankerPlan, 'report'>) => Network;

const BATCH = 128;
export const EPSILON = 1e-6;

/** Learns to tell the train readers' next clicks from the rest of the train pool. Throws DataError when nobody clicked in it. */
export async function trainRanker(network: Network, plan: RankerPlan): Promise<Ranker> {
  const { readers, index, seed, threads, report } = plan;
  const { steps, learningRate } = plan.settings;
  const clicks = clicksOf(readers, index);
  if (clicks.length === 0)
    throw new DataError(
      'a baseline has nothing to learn from: no train reader clicked an article of the train pool. Check the train period',
    );
  const { parameters } = network;
  const feedsOf = await network.open(readers);
  const trainer = createTrainer({
    parameters,
    constants: new Map([['pool', poolOf(index)]]),
    threads,
    // No limit: a layer norm of a reader without a known word has a gradient of thousands, which is clipped.
    adamw: { betas: [0.9, 0.98], epsilon: 1e-8, weightDecay: 0.01, gradientNorm: 1 },
    loss: (p, x) => ({ loss: clickLoss(network, p, x, p.pool) }),
  });
  const last: number[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      const random = new Random('baseline batch', seed, step);
      const chosen = Array.from({ length: BATCH }, () => random.pick(clicks));
      const clicked = { shape: [BATCH], data: Int32Array.from(chosen, ({ position }) => position) };
      const feeds = { ...feedsOf(chosen.map(({ reader }) => reader)), clicked };
      const { loss } = await NumericsError.of(`baseline, seed ${seed}, step ${step + 1} of ${steps}`, () =>
        trainer.step([feeds], learningRate * (1 - step / steps)),
      );
      if (step >= Math.floor(steps * 0.9)) last.push(loss);
      report((step + 1) / steps, loss);
    }
  } finally {
    await trainer.release();
  }
  return {
    loss: last.reduce((sum, loss) => sum + loss, 0) / last.length,
    parameters: countParameters(parameters),
    rank: (others, fresh) => rank(network, others, fresh, threads),
  };
}

/** Mean cross-entropy of the clicked positions x.clicked [readers] over the pool, in nats a click. */
export function clickLoss(network: Network, p: Traced, x: Traced, pool: Tensor): Tensor {
  return neg(mean(logProbAt(poolScores(network, p, x, pool), x.clicked)));
}

/** Every fed reader's state on every article of the pool [articles, width]: [readers, articles]. */
export function poolScores(network: Network, p: Traced, x: Traced, pool: Tensor): Tensor {
  const states = layerNorm(network.states(p, x), p['final_norm.weight'], p['final_norm.bias'], EPSILON);
  return matmul(states, network.items(p, pool), { transB: true });
}

async function rank(
  network: Network,
  readers: readonly Reader[],
  index: AnnIndex,
  threads: number,
): Promise<Int32Array[]> {
  const pool = poolOf(index);
  const [articles] = pool.shape;
  const feedsOf = await network.open(readers);
  const scoring = createComputation({
    parameters: network.parameters,
    threads,
    trace: (p, x) => ({ scores: poolScores(network, p, x, x.pool) }),
  });
  const ranked: Int32Array[] = [];
  try {
    for (let start = 0; start < readers.length; start += BATCH) {
      const count = Math.min(BATCH, readers.length - start);
      const { scores } = await scoring.run({ ...feedsOf(Array.from({ length: count }, (_, i) => start + i)), pool });
      const rows = scores as Float32Array;
      for (let i = 0; i < count; i++)
        ranked.push(topPositions(rows.subarray(i * articles, (i + 1) * articles), RECALL_DEPTH));
    }
  } finally {
    await scoring.release();
  }
  return ranked;
}

/** Each click of a reader on an article of the pool. */
function clicksOf(readers: readonly Reader[], { articleIds }: AnnIndex): { reader: number; position: number }[] {
  const positionOf = new Map(articleIds.map((id, i) => [id, i]));
  return readers.flatMap((reader, at) =>
    reader.clicked.flatMap((id) => {
      const position = positionOf.get(id);
      return position === undefined ? [] : [{ reader: at, position }];
    }),
  );
}

function poolOf({ articleIds, embeddings, dimensions }: AnnIndex): { shape: number[]; data: Float32Array } {
  return { shape: [articleIds.length, dimensions], data: embeddings };
}
