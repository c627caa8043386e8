/** A generated world that is ready to be ranked, without a pipeline: labelled noise left out, the text encoder trained here. For bench/. */
import { type Dataset, datasetOf } from '../lib/data/dataset.ts';
import type { Split } from '../lib/data/rows.ts';
import { openWorld, type World } from '../lib/data/world/world.ts';
import { type AnnIndex, articleText, buildIndex } from '../lib/retrieval/ann.ts';
import { type TrainedEncoder, trainTextEncoder } from '../lib/retrieval/encoder.ts';

export interface RankedWorld {
  world: World;
  dataset: Dataset;
  embedder: TrainedEncoder;
  /** Index of a split's fresh articles. */
  indexOf(split: Split): Promise<AnnIndex>;
}

export async function openRankedWorld(options: {
  world: number;
  train: number;
  test: number;
  seed: number;
  threads: number;
}): Promise<RankedWorld> {
  const world = openWorld({
    seed: options.world,
    historyArticles: 4000,
    poolArticles: 2000,
    trainReaders: options.train,
    devReaders: 300,
    testReaders: options.test,
  });
  const { tables } = world;
  const dataset = datasetOf({ ...tables, signals: tables.signals.filter(({ label }) => label === 'keep') });
  const embedder = await trainTextEncoder({
    articles: [...dataset.history, ...dataset.pool('train')],
    dimensions: 64,
    steps: 200,
    batch: 256,
    learningRate: 5e-3,
    seed: options.seed,
    threads: options.threads,
  });
  return {
    world,
    dataset,
    embedder,
    async indexOf(split) {
      const pool = dataset.pool(split);
      const ids = pool.map(({ article_id }) => article_id);
      return buildIndex(ids, await embedder.embed(pool.map(articleText)), embedder.dimensions);
    },
  };
}
