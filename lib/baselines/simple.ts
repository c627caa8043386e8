/** Rankings that train nothing: what a learned method has to beat. */
import type { Dataset } from '../data/dataset.ts';
import type { Reader, Split } from '../data/rows.ts';
import { CLUSTER_COSINE, clusterSignals } from '../method/rubric.ts';
import { keyPhraseOfSignal } from '../method/weak-labels.ts';
import { Random } from '../random.ts';
import type { AnnIndex } from '../retrieval/ann.ts';
import { normalise } from '../retrieval/bag-embedder.ts';
import type { Embedder } from '../retrieval/embedder.ts';
import { topPositions } from '../retrieval/exact.ts';
import { mergeByMaximumCosine } from '../retrieval/merge.ts';
import { RECALL_DEPTH, recallArticles } from '../training/recall.ts';
import { embedSignals, wordsOfSignal } from '../method/signal-vectors.ts';

export interface BaselineContext {
  dataset: Dataset;
  split: Split;
  embedder: Embedder;
  /** Of the split's fresh articles. */
  index: AnnIndex;
  seed: number;
}

/**
 * Ranked positions in the index of each reader's articles, best first, at most RECALL_DEPTH; none for a reader of whom the method knows
 * nothing. Null where the method does not apply to the dataset.
 */
export type Baseline = (readers: readonly Reader[], context: BaselineContext) => Promise<Int32Array[] | null>;

/** As many as a list's lines at least; chosen on another world (docs/experiments.md, "What a label can teach"). */
const CENTROIDS = 3;

export const baselines = {
  random: async (readers, { index, seed }) =>
    readers.map(({ readerId }) => {
      const random = new Random('random baseline', seed, readerId);
      const drawn = new Set<number>();
      while (drawn.size < Math.min(RECALL_DEPTH, index.articleIds.length)) {
        drawn.add(random.integer(index.articleIds.length));
      }
      return Int32Array.from(drawn);
    }),

  /**
   * Most clicked by the split's other readers, in the whole window that the reader is judged on: the reader's own clicks are taken out,
   * but what became popular is known in hindsight, as to a portal that serves at the window's end. So it is stronger than an honest
   * forecast: readers of earlier splits clicked none of the fresh articles.
   */
  popularity: async (readers, { dataset, split, index }) => {
    const positionOf = new Map(index.articleIds.map((id, i) => [id, i]));
    const clickedBy = ({ clicked }: Reader): number[] => clicked.flatMap((id) => positionOf.get(id) ?? []);
    const clicks = new Float32Array(index.articleIds.length);
    for (const position of dataset.readers(split).flatMap(clickedBy)) clicks[position]++;
    return readers.map((reader) => {
      const ofOthers = clicks.slice();
      for (const position of clickedBy(reader)) ofOthers[position]--;
      return topPositions(ofOthers, RECALL_DEPTH);
    });
  },

  /** The title that the reader clicked last. */
  last_click: (readers, { embedder, index }) =>
    recallArticles(
      readers
        .map(({ signals }) => signals.findLast(({ kind }) => kind === 'click'))
        .map((last) => (last ? [last.text] : [])),
      embedder,
      index,
    ),

  /** One query vector: the mean of the signals' embeddings. */
  mean_signals: async (readers, { embedder, index }) => {
    const vectors = await embedSignals(readers, embedder);
    return vectors.map((ofReader) => {
      const mean = new Float32Array(embedder.dimensions);
      for (const vector of ofReader) for (let d = 0; d < mean.length; d++) mean[d] += vector[d];
      normalise(mean);
      return mergeByMaximumCosine(ofReader.length > 0 ? [index.search(mean, RECALL_DEPTH)] : [], RECALL_DEPTH);
    });
  },

  /** A query vector for each of the largest groups of alike signals: what can be had of a reader's interests without a model. */
  cluster_centroids: async (readers, { embedder, index }) => {
    const vectors = await embedSignals(readers, embedder);
    return vectors.map((ofReader) => {
      const largest = clusterSignals(ofReader, CLUSTER_COSINE).toSorted((a, b) => b.weight - a.weight);
      return mergeByMaximumCosine(
        largest.slice(0, CENTROIDS).map(({ centroid }) => index.search(centroid, RECALL_DEPTH)),
        RECALL_DEPTH,
      );
    });
  },

  signals_as_queries: (readers, { embedder, index }) =>
    recallArticles(
      readers.map(({ signals }) => signals.map(({ text }) => wordsOfSignal(text))),
      embedder,
      index,
    ),

  key_phrases: (readers, { dataset, embedder, index }) =>
    recallArticles(
      readers.map((reader) => keyPhrases(reader, dataset)),
      embedder,
      index,
    ),

  /** The latent interests' own queries, which only the embedded world knows. */
  oracle: async (readers, { dataset, embedder, index }) =>
    dataset.truth.size === 0
      ? null
      : recallArticles(
          readers.map(({ readerId }) => (dataset.truth.get(readerId) ?? []).map(({ query }) => query)),
          embedder,
          index,
        ),
} as const satisfies Record<string, Baseline>;

/** As `key_phrases`, the newest ones, at most `counts[i]` different ones for reader i: what a list of so many queries is to be compared with. */
export function newestKeyPhrases(
  readers: readonly Reader[],
  counts: readonly number[],
  { dataset, embedder, index }: BaselineContext,
): Promise<Int32Array[]> {
  const newest = readers.map((reader, i) => {
    const distinct = [...new Set(keyPhrases(reader, dataset).toReversed())];
    return distinct.slice(0, counts[i]);
  });
  return recallArticles(newest, embedder, index);
}

/** One a signal, oldest first; none of a signal that has none. */
function keyPhrases({ signals }: Reader, { articles }: Pick<Dataset, 'articles'>): string[] {
  return signals
    .map((signal) => keyPhraseOfSignal(signal, signal.articleId ? articles.get(signal.articleId) : undefined))
    .filter((phrase) => phrase !== '');
}
