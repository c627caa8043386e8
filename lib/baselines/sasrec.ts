/**
 * SASRec (Kang and McAuley 2018): causal self-attention over what a reader did; its newest state is scored against every article.
 *
 * Three departures. Articles are fresh, so none has a learned row of its own: an item is its text's embedding through one learned
 * matrix, and so is a signal, with its kind beside its position. The loss is the cross-entropy over the whole pool, not one negative a
 * positive, with which SASRec is much stronger (Klenitskiy and Vasilev 2023). There is no dropout: in a few hundred steps, leaving
 * signals out at random changed nothing.
 */
import type { Reader, SignalKind } from '../data/rows.ts';
import { DataError } from '../errors.ts';
import type { EvaluateSettings } from '../pipeline/stage-settings.ts';
import { Random } from '../random.ts';
import type { AnnIndex } from '../retrieval/ann.ts';
import type { Embedder } from '../retrieval/embedder.ts';
import { topPositions } from '../retrieval/exact.ts';
import { createComputation, type Traced } from '../tensor/computation.ts';
import type { Tensor } from '../tensor/graph.ts';
import { layerNorm } from '../tensor/compositions.ts';
import {
  add,
  and,
  attend,
  equal,
  gather,
  less,
  logProbAt,
  matmul,
  mean,
  mul,
  neg,
  or,
  range,
  relu,
  reshape,
  slice,
  where,
} from '../tensor/ops.ts';
import type { Parameters } from '../tensor/parameters.ts';
import type { Feeds } from '../tensor/session.ts';
import { createTrainer } from '../tensor/trainer.ts';
import { RECALL_DEPTH } from '../training/recall.ts';
import { embedSignals } from './signal-vectors.ts';

export interface SasrecPlan {
  /** Of the train split. */
  readers: readonly Reader[];
  /** Of the train split's fresh articles. */
  index: AnnIndex;
  embedder: Embedder;
  settings: EvaluateSettings['sasrec'];
  seed: number;
  threads: number;
  report: (fraction: number, loss: number) => void;
}

export interface Sasrec {
  /** Ranked positions in `index` of each reader's articles, best first, at most RECALL_DEPTH. A reader without signals gets the ranking of the model's empty state. */
  rank(readers: readonly Reader[], index: AnnIndex): Promise<Int32Array[]>;
  /** Mean loss (nats a click) of the last tenth of the steps. */
  loss: number;
}

const BLOCKS = 2;
const BATCH = 128;
/** The paper's; twice as much fits the train readers better and the fresh articles worse. */
const LEARNING_RATE = 1e-3;
const EPSILON = 1e-6;
/** 0 marks a place without a signal. */
const kindIds: Record<SignalKind, number> = { search: 1, page: 2, click: 3 };
const KINDS = 4;

/** Learns to tell the train readers' next clicks from the rest of the train pool. Throws DataError when nobody clicked in it. */
export async function trainSasrec({
  readers,
  index,
  embedder,
  settings,
  seed,
  threads,
  report,
}: SasrecPlan): Promise<Sasrec> {
  const { steps, dimensions, maxLength } = settings;
  const positionOf = new Map(index.articleIds.map((id, i) => [id, i]));
  const clicks = readers.flatMap((reader, at) =>
    reader.clicked.flatMap((id) => {
      const position = positionOf.get(id);
      return position === undefined ? [] : [{ reader: at, position }];
    }),
  );
  if (clicks.length === 0)
    throw new DataError('SASRec has nothing to learn from: no train reader clicked an article of the train pool');
  const parameters = initialParameters(embedder.dimensions, dimensions, maxLength, seed);
  const vectors = await embedSignals(readers, embedder);
  const pool = poolOf(index);
  const trainer = createTrainer({
    parameters,
    constants: new Map([['pool', pool]]),
    threads,
    adamw: { betas: [0.9, 0.98], epsilon: 1e-8, weightDecay: 0.01, gradientNorm: 1 },
    loss: (p, x) => ({ loss: neg(mean(logProbAt(poolScores(p, x, p.pool), x.clicked))) }),
  });
  const last: number[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      const random = new Random('sasrec batch', seed, step);
      const chosen = Array.from({ length: BATCH }, () => random.pick(clicks));
      const sequences = sequencesOf(
        chosen.map(({ reader }) => readers[reader]),
        chosen.map(({ reader }) => vectors[reader]),
        maxLength,
        embedder.dimensions,
      );
      const clicked = { shape: [BATCH], data: Int32Array.from(chosen, ({ position }) => position) };
      const { loss } = await trainer.step([{ ...sequences, clicked }], LEARNING_RATE * (1 - step / steps));
      if (step >= Math.floor(steps * 0.9)) last.push(loss);
      report((step + 1) / steps, loss);
    }
  } finally {
    await trainer.release();
  }
  return {
    loss: last.reduce((sum, loss) => sum + loss, 0) / last.length,
    rank: (others, fresh) => rank(others, fresh, { parameters, embedder, maxLength, threads }),
  };
}

async function rank(
  readers: readonly Reader[],
  index: AnnIndex,
  {
    parameters,
    embedder,
    maxLength,
    threads,
  }: { parameters: Parameters; embedder: Embedder; maxLength: number; threads: number },
): Promise<Int32Array[]> {
  const vectors = await embedSignals(readers, embedder);
  const pool = poolOf(index);
  const [articles] = pool.shape;
  const scoring = createComputation({ parameters, threads, trace: (p, x) => ({ scores: poolScores(p, x, x.pool) }) });
  const ranked: Int32Array[] = [];
  try {
    for (let start = 0; start < readers.length; start += BATCH) {
      const some = readers.slice(start, start + BATCH);
      const sequences = sequencesOf(some, vectors.slice(start, start + BATCH), maxLength, embedder.dimensions);
      const { scores } = await scoring.run({ ...sequences, pool });
      const rows = scores as Float32Array;
      for (let i = 0; i < some.length; i++) {
        ranked.push(topPositions(rows.subarray(i * articles, (i + 1) * articles), RECALL_DEPTH));
      }
    }
  } finally {
    await scoring.release();
  }
  return ranked;
}

/** The newest signals of each reader, newest last, empty places before them: signals [readers, maxLength, width], kinds [readers, maxLength]. */
function sequencesOf(
  readers: readonly Reader[],
  vectors: readonly (readonly Float32Array[])[],
  maxLength: number,
  width: number,
): Feeds {
  const signals = new Float32Array(readers.length * maxLength * width);
  const kinds = new Int32Array(readers.length * maxLength);
  readers.forEach((reader, i) => {
    const from = Math.max(0, reader.signals.length - maxLength);
    const first = (i + 1) * maxLength - (reader.signals.length - from);
    reader.signals.slice(from).forEach(({ kind }, at) => {
      signals.set(vectors[i][from + at], (first + at) * width);
      kinds[first + at] = kindIds[kind];
    });
  });
  return {
    signals: { shape: [readers.length, maxLength, width], data: signals },
    kinds: { shape: [readers.length, maxLength], data: kinds },
  };
}

/** Each reader's newest state [readers, d] on the pool's items [articles, width] → [readers, articles]. */
function poolScores(p: Traced, { signals, kinds }: Traced, pool: Tensor): Tensor {
  const [readers, time] = kinds.shape;
  const d = p.item.shape[0];
  const bias = causalBias(kinds);
  let x = mul(matmul(signals, p.item, { transB: true }), Math.sqrt(d));
  x = add(add(x, p.position), gather(p.kind, kinds));
  for (let block = 0; block < BLOCKS; block++) {
    const of = (name: string): Tensor => p[`${block}.${name}`];
    const normed = layerNorm(x, of('attention_norm.weight'), of('attention_norm.bias'), EPSILON);
    const scores = matmul(matmul(normed, of('query')), matmul(normed, of('key')), {
      transB: true,
      scale: 1 / Math.sqrt(d),
    });
    x = add(x, attend(add(scores, bias), matmul(normed, of('value'))));
    const second = layerNorm(x, of('feed_norm.weight'), of('feed_norm.bias'), EPSILON);
    const hidden = relu(add(matmul(second, of('feed_in')), of('feed_in.bias')));
    x = add(x, add(matmul(hidden, of('feed_out')), of('feed_out.bias')));
  }
  const newest = reshape(slice(x, 1, time - 1, time), [readers, d]);
  const state = layerNorm(newest, p['final_norm.weight'], p['final_norm.bias'], EPSILON);
  return matmul(state, matmul(pool, p.item, { transB: true }), { transB: true });
}

/**
 * 0 where a place may look, -1e9 elsewhere: [readers, time, time]. A place looks at itself and at the signals before it; itself always,
 * so that a reader without signals has a state too.
 */
function causalBias(kinds: Tensor): Tensor {
  const [readers, time] = kinds.shape;
  const index = range(time);
  const [key, query] = [reshape(index, [1, 1, time]), reshape(index, [1, time, 1])];
  const isSignal = less(0, reshape(kinds, [readers, 1, time]));
  return where(or(equal(key, query), and(less(key, query), isSignal)), 0, -1e9);
}

/**
 * A function of the seed. Items and attended values start as they are (the identity), all else near nothing: a reader starts near the
 * mean of its signals' embeddings. From random matrices, some thousand readers teach less than the text encoder already knew.
 */
function initialParameters(width: number, d: number, maxLength: number, seed: number): Parameters {
  const parameters: Parameters = new Map();
  const normal = (name: string, shape: number[]): void => {
    const random = new Random('sasrec', seed, name);
    const data = Float32Array.from({ length: shape[0] * shape[1] }, () => random.normal(0, 0.02));
    parameters.set(name, { shape, data });
  };
  const identity = (name: string, shape: number[]): void => {
    normal(name, shape);
    const { data } = parameters.get(name) as { data: Float32Array };
    for (let i = 0; i < Math.min(...shape); i++) data[i * shape[1] + i] += 1;
  };
  const filled = (name: string, value: number): void =>
    void parameters.set(name, { shape: [d], data: new Float32Array(d).fill(value) });
  const norm = (name: string): void => {
    filled(`${name}.weight`, 1);
    filled(`${name}.bias`, 0);
  };
  identity('item', [d, width]);
  normal('position', [maxLength, d]);
  normal('kind', [KINDS, d]);
  for (let block = 0; block < BLOCKS; block++) {
    norm(`${block}.attention_norm`);
    normal(`${block}.query`, [d, d]);
    normal(`${block}.key`, [d, d]);
    identity(`${block}.value`, [d, d]);
    norm(`${block}.feed_norm`);
    for (const name of ['feed_in', 'feed_out']) {
      normal(`${block}.${name}`, [d, d]);
      filled(`${block}.${name}.bias`, 0);
    }
  }
  norm('final_norm');
  return parameters;
}

function poolOf({ articleIds, embeddings, dimensions }: AnnIndex): { shape: number[]; data: Float32Array } {
  return { shape: [articleIds.length, dimensions], data: embeddings };
}
