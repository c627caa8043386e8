/**
 * The local judge's rubric: coverage as an F1 over the reader's interests, specificity grounded in the reader's signals (docs/decisions.md:
 * without the two, the reward rises and recall falls). Deterministic; reads the cleaned signals, the list and corpus
 * statistics, never the next clicks.
 */
import type { ArticleRow, Reader } from '../data/rows.ts';
import { f1, type Judgement } from './judge.ts';
import { dot, mean, norm } from './vectors.ts';
import { isContent, words } from './words.ts';

/** A signal nearer than this to a cluster's centroid joins it. */
export const CLUSTER_COSINE = 0.35;
/** A query at this cosine to an interest does not serve it at all … */
export const SERVED_COSINE_LOW = 0.35;
/**
 * … and at this one wholly. On an encoder that knew signals' words too (docs/experiments.md, "Baselines") 95 % of other readers' interests are below .35, and own latent interests,
 * in the news' words, have their median at .69: at .75 copying a signal pays more than naming the interest, at .55 it does not.
 */
export const SERVED_COSINE_HIGH = 0.55;
/** Inverse document frequencies of a query's words that make it fully specific. */
const SPECIFIC_IDF = 12;
const LONG_QUERY_WORDS = 6;
/** A run of more of a signal's words than this, copied, is a copy and no query. */
const COPIED_WORDS = 4;

/** An interest as the signals show it: their direction (unit) and how much it weighs. */
export interface Interest {
  centroid: Float32Array;
  weight: number;
}

/** What the judge knows of a reader. */
export interface ReaderProfile {
  interests: readonly Interest[];
  /** Signals of more than COPIED_WORDS words, their words joined and padded by spaces. */
  longSignals: readonly string[];
}

/** What the judge knows of the world: words' inverse document frequencies; a word without content, or never seen, has none. */
export interface CorpusStatistics {
  idf: ReadonlyMap<string, number>;
}

/** Statistics of articles (history and train pool: never a pool that is evaluated). idf = ln((n + 1) / (df + 1)), 0 for stop and generic words. */
export function corpusStatistics(articles: Iterable<Pick<ArticleRow, 'title' | 'abstract'>>): CorpusStatistics {
  const frequency = new Map<string, number>();
  let count = 0;
  for (const { title, abstract } of articles) {
    count++;
    for (const word of new Set(words(`${title} ${abstract}`))) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  }
  const idf = new Map<string, number>();
  for (const [word, df] of frequency) if (isContent(word)) idf.set(word, Math.log((count + 1) / (df + 1)));
  return { idf };
}

/** Interests and long signals of a reader. `embeddings`: unit or zero rows, one a signal, oldest first. */
export function profileReader(reader: Pick<Reader, 'signals'>, embeddings: readonly Float32Array[]): ReaderProfile {
  const longSignals = reader.signals
    .map(({ text }) => words(text))
    .filter((signal) => signal.length > COPIED_WORDS)
    .map((signal) => ` ${signal.join(' ')} `);
  return { interests: clusterSignals(embeddings, CLUSTER_COSINE), longSignals };
}

/** Greedy centroid clustering in the order of the signals; a cluster of n weighs n^.75: a second signal counts less than the first. */
export function clusterSignals(embeddings: readonly Float32Array[], threshold: number): Interest[] {
  const sums: { sum: Float32Array; n: number }[] = [];
  for (const signal of embeddings) {
    if (norm(signal) === 0) continue;
    const cosines = sums.map(({ sum }) => dot(signal, sum) / norm(sum));
    const best = cosines.reduce((at, cosine, i) => (at < 0 || cosine > cosines[at] ? i : at), -1);
    if (best >= 0 && cosines[best] > threshold) {
      const cluster = sums[best];
      cluster.n++;
      for (let i = 0; i < signal.length; i++) cluster.sum[i] += signal[i];
    } else {
      sums.push({ sum: Float32Array.from(signal), n: 1 });
    }
  }
  return sums.map(({ sum, n }) => {
    const length = norm(sum);
    return { centroid: sum.map((x) => x / length), weight: n ** 0.75 };
  });
}

/** Coverage and specificity of a list for a reader. `embeddings`: unit rows, one a query. An empty list has neither. */
export function judgeList(
  profile: ReaderProfile,
  queries: readonly string[],
  embeddings: readonly Float32Array[],
  corpus: CorpusStatistics,
): Judgement {
  if (queries.length === 0) return { coverage: 0, specificity: 0 };
  const served = queries.map((query, i) => {
    const isRepeat = queries.indexOf(query) < i;
    return profile.interests.map(({ centroid }) => (isRepeat ? 0 : serves(dot(embeddings[i], centroid))));
  });
  return {
    coverage: coverage(profile.interests, served),
    specificity: groundedSpecificity(profile, queries, served, corpus),
  };
}

/** F1 of: weighted share of interests that some query serves; mean over queries of the interest each serves best. `served[query][interest]` in [0, 1]. */
export function coverage(interests: readonly Interest[], served: readonly (readonly number[])[]): number {
  if (interests.length === 0 || served.length === 0) return 0;
  const weights = interests.map(({ weight }) => weight);
  const best = interests.map((_, interest) => Math.max(...served.map((ofQuery) => ofQuery[interest])));
  const recall = dot(weights, best) / weights.reduce((sum, weight) => sum + weight, 0);
  const precision = mean(served.map((ofQuery) => Math.max(...ofQuery)));
  return f1(recall, precision);
}

/** Mean over queries of specificity × support: a specific query about nobody's interest earns nothing. */
function groundedSpecificity(
  profile: ReaderProfile,
  queries: readonly string[],
  served: readonly (readonly number[])[],
  corpus: CorpusStatistics,
): number {
  return mean(queries.map((query, i) => specificity(query, profile, corpus) * Math.max(0, ...served[i])));
}

/**
 * How specific one query is, in [0, 1]: rare words, all of them words of the news (a search's small talk dilutes), none repeated, not too
 * many, not a long signal copied.
 */
export function specificity(
  query: string,
  profile: Pick<ReaderProfile, 'longSignals'>,
  corpus: CorpusStatistics,
): number {
  const all = words(query);
  const distinct = new Set(all);
  let rarity = 0;
  let newsWords = 0;
  for (const word of distinct) {
    rarity += corpus.idf.get(word) ?? 0;
    if (corpus.idf.has(word)) newsWords++;
  }
  const newsShare = distinct.size === 0 ? 0 : newsWords / distinct.size;
  const repeats = all.length - distinct.size;
  const isLong = all.length > LONG_QUERY_WORDS;
  const isCopy =
    all.length > COPIED_WORDS && profile.longSignals.some((signal) => signal.includes(` ${all.join(' ')} `));
  return Math.min(1, rarity / SPECIFIC_IDF) * newsShare * 0.5 ** repeats * (isLong ? 0.5 : 1) * (isCopy ? 0.5 : 1);
}

/** Ramp from a cosine to how far a query serves an interest. */
function serves(cosine: number): number {
  return Math.min(1, Math.max(0, (cosine - SERVED_COSINE_LOW) / (SERVED_COSINE_HIGH - SERVED_COSINE_LOW)));
}
