/** Rows of the canonical tables. Their Arrow schemas are in tables.ts; a type here is what one row reads as. Times are milliseconds since 1970, UTC. */

/** What readers do. */
export const signalKinds = ['search', 'page', 'click'] as const;
export type SignalKind = (typeof signalKinds)[number];

/** In the order of time. */
export const splits = ['train', 'dev', 'test'] as const;
export type Split = (typeof splits)[number];

export interface SignalRow {
  reader_id: string;
  kind: SignalKind;
  text: string;
  at: number;
  /** What the source knows of the signal: worth keeping, noise, or nothing (null: real logs). */
  label: 'keep' | 'drop' | null;
  /** The clicked article, of a click whose article is in the table; else null. */
  article_id: string | null;
}

export interface ArticleRow {
  article_id: string;
  title: string;
  abstract: string;
  category: string;
  published_at: number;
}

export interface ImpressionRow {
  reader_id: string;
  at: number;
  clicked: string[];
}

/** As a source has it. What was shown makes the pools; then it is let go: it is most of a log. */
export interface ShownRow extends ImpressionRow {
  /** With what was clicked. */
  shown: string[];
}

/** One reader in one split: learns from its signals before `cutoff`, is judged by its clicks from then to the end of the split. */
export interface ExampleRow {
  reader_id: string;
  split: Split;
  cutoff: number;
  /** Few or no clicks before the cutoff. */
  cold: boolean;
}

/** The fresh articles that a split's readers could be recalled. */
export interface PoolRow {
  split: Split;
  article_id: string;
}

/** World only: a latent interest, as the query that names it best. The oracle's knowledge; no training step reads it. */
export interface TruthRow {
  reader_id: string;
  query: string;
  weight: number;
}

export interface QuarantineRow {
  source: string;
  row: number;
  reason: string;
  text: string;
}

/** One list that a policy wrote. `logprobs`: natural logs under the sampling distribution, one a token. */
export interface RolloutRow {
  reader_id: string;
  sample: number;
  tokens: Int32Array;
  logprobs: Float32Array;
  finished: boolean;
  text: string;
  queries: string[];
  valid: boolean;
}

/** Rewards of one rollout, in the rollouts' order; null: the judge gave no answer. */
export interface ScoreRow {
  reader_id: string;
  sample: number;
  align: number | null;
  cov: number | null;
  spec: number | null;
  div: number | null;
  struct: number | null;
  total: number | null;
}

/** One figure of a training log: long form, so that a new metric needs no new column. */
export interface LogRow {
  round: number;
  metric: string;
  value: number;
}

/** One reader's ranking metrics under one method; the reward where the method writes lists that were judged. */
export interface PerReaderRow {
  reader_id: string;
  method: string;
  'recall@5': number;
  'recall@10': number;
  'ndcg@5': number;
  'ndcg@10': number;
  mrr: number;
  reward: number | null;
}

/** A signal as the model and the judge see it. */
export interface Signal {
  kind: SignalKind;
  text: string;
  at: number;
  articleId: string | null;
}

/** A reader of one split, ready to use: signals before the cutoff (oldest first), then what was clicked after it. */
export interface Reader {
  readerId: string;
  split: Split;
  cutoff: number;
  cold: boolean;
  signals: Signal[];
  clicked: string[];
}
