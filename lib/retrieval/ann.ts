/** Approximate nearest neighbours over article embeddings: an HNSW graph (usearch) beside the embeddings themselves. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Index, MetricKind, ScalarKind } from 'usearch';
import type { ArticleRow, Split } from '../data/rows.ts';
import { schemas } from '../data/tables.ts';
import { CheckpointError } from '../errors.ts';
import { encodeTable, rowsOf } from '../store/arrow.ts';
import { exactSearch } from './exact.ts';

export interface AnnIndex {
  readonly dimensions: number;
  /** Position to article. */
  readonly articleIds: readonly string[];
  /** [articles × dimensions], unit rows. */
  readonly embeddings: Float32Array;
  /** The k nearest of each query ([queries × dimensions], unit rows), best first: both results are [queries × min(k, articles)]. Scores are cosines. */
  search(queries: Float32Array, k: number): SearchResult;
}

export interface SearchResult {
  positions: Int32Array;
  scores: Float32Array;
}

/** What of an article is embedded. */
export function articleText({ title, abstract }: Pick<ArticleRow, 'title' | 'abstract'>): string {
  return `${title} ${abstract}`;
}

/** Good for unit vectors of tens to hundreds of dimensions: recall@10 above .99 at 2,000 to 20,000 articles (reported by the index stage). */
const graph = { connectivity: 16, expansionAdd: 128, expansionSearch: 128 } as const;

/** Builds the graph, one thread: the same embeddings, the same graph. */
export function buildIndex(
  articleIds: readonly string[],
  embeddings: Float32Array,
  dimensions: number,
): AnnIndex & { save(path: string): void } {
  const index = emptyIndex(dimensions);
  for (let i = 0; i < articleIds.length; i++)
    index.add(BigInt(i), embeddings.subarray(i * dimensions, (i + 1) * dimensions), 1);
  return { ...searcher(index, articleIds, embeddings, dimensions), save: (path) => index.save(path) };
}

/** The embeddings of a split as an Arrow file. */
export function embeddingsFile(
  articleIds: readonly string[],
  embeddings: Float32Array,
  dimensions: number,
): Uint8Array {
  const rows = articleIds.map((article_id, i) => ({
    article_id,
    vector: embeddings.subarray(i * dimensions, (i + 1) * dimensions),
  }));
  return encodeTable(schemas.embeddings, rows);
}

/** Opens `embeddings-SPLIT.arrow` and `SPLIT.usearch` of an index folder. Throws CheckpointError where they do not belong together. */
export async function openIndex(folder: string, split: Split): Promise<AnnIndex> {
  const rows = rowsOf<{ article_id: string; vector: Float32Array }>(
    schemas.embeddings,
    await readFile(join(folder, `embeddings-${split}.arrow`)),
  );
  const dimensions = rows[0]?.vector.length ?? 0;
  const embeddings = new Float32Array(rows.length * dimensions);
  rows.forEach(({ vector }, i) => embeddings.set(vector, i * dimensions));
  const path = join(folder, `${split}.usearch`);
  const index = emptyIndex(dimensions);
  index.load(path);
  if (index.size() !== rows.length) {
    throw new CheckpointError({
      path,
      problem: `it holds ${index.size()} vectors, the embeddings beside it ${rows.length}`,
      remedy: 'run the index step again',
    });
  }
  return searcher(
    index,
    rows.map(({ article_id }) => article_id),
    embeddings,
    dimensions,
  );
}

/** Share of the exact k nearest that the graph finds, mean over queries. */
export function recallAgainstExact(index: AnnIndex, queries: Float32Array, k: number): number {
  const found = index.search(queries, k);
  const exact = exactSearch(index.embeddings, queries, index.dimensions, k);
  const width = Math.min(k, index.articleIds.length);
  const count = queries.length / index.dimensions;
  let hits = 0;
  for (let q = 0; q < count; q++) {
    const truth = new Set(exact.positions.subarray(q * width, (q + 1) * width));
    for (const position of found.positions.subarray(q * width, (q + 1) * width)) if (truth.has(position)) hits++;
  }
  return count === 0 ? 1 : hits / (count * width);
}

function emptyIndex(dimensions: number): Index {
  return new Index({
    dimensions,
    metric: MetricKind.IP,
    quantization: ScalarKind.F32,
    connectivity: graph.connectivity,
    expansion_add: graph.expansionAdd,
    expansion_search: graph.expansionSearch,
    multi: false,
  });
}

function searcher(index: Index, articleIds: readonly string[], embeddings: Float32Array, dimensions: number): AnnIndex {
  return {
    dimensions,
    articleIds,
    embeddings,
    search(queries, k) {
      const count = queries.length / dimensions;
      const width = Math.min(k, articleIds.length);
      const positions = new Int32Array(count * width);
      const scores = new Float32Array(count * width);
      for (let q = 0; q < count; q++) {
        const { keys, distances } = index.search(queries.subarray(q * dimensions, (q + 1) * dimensions), width, 1);
        if (keys.length < width) {
          // A graph may fail to reach k articles; a split's pool is small enough to look through.
          const exact = exactSearch(
            embeddings,
            queries.subarray(q * dimensions, (q + 1) * dimensions),
            dimensions,
            width,
          );
          positions.set(exact.positions, q * width);
          scores.set(exact.scores, q * width);
          continue;
        }
        for (let i = 0; i < width; i++) {
          positions[q * width + i] = Number(keys[i]);
          scores[q * width + i] = 1 - distances[i];
        }
      }
      return { positions, scores };
    },
  };
}
