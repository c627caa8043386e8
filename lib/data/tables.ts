/** The columns of every table that is stored, in one place. Row types: rows.ts. */
import type { TableSchema } from '../store/arrow.ts';

export const schemas = {
  signals: {
    name: 'signals',
    columns: { reader_id: 'text', kind: 'text', text: 'text', at: 'time', label: 'text?', article_id: 'text?' },
  },
  articles: {
    name: 'articles',
    columns: { article_id: 'text', title: 'text', abstract: 'text', category: 'text', published_at: 'time' },
  },
  impressions: { name: 'impressions', columns: { reader_id: 'text', at: 'time', shown: 'texts', clicked: 'texts' } },
  examples: { name: 'examples', columns: { reader_id: 'text', split: 'text', cutoff: 'time', cold: 'flag' } },
  pool: { name: 'pool', columns: { split: 'text', article_id: 'text' } },
  truth: { name: 'truth', columns: { reader_id: 'text', query: 'text', weight: 'number' } },
  quarantine: { name: 'quarantine', columns: { source: 'text', row: 'integer', reason: 'text', text: 'text' } },
  rollouts: {
    name: 'rollouts',
    columns: {
      reader_id: 'text',
      sample: 'integer',
      tokens: 'integers',
      logprobs: 'floats',
      finished: 'flag',
      text: 'text',
      queries: 'texts',
      valid: 'flag',
    },
  },
  scores: {
    name: 'scores',
    columns: {
      reader_id: 'text',
      sample: 'integer',
      align: 'number?',
      cov: 'number?',
      spec: 'number?',
      div: 'number?',
      struct: 'number?',
      total: 'number?',
    },
  },
  log: { name: 'log', columns: { round: 'integer', metric: 'text', value: 'number' } },
  embeddings: { name: 'embeddings', columns: { article_id: 'text', vector: 'floats' } },
  measured: {
    name: 'measured',
    columns: {
      reader_id: 'text',
      method: 'text',
      'recall@5': 'number',
      'recall@10': 'number',
      'ndcg@5': 'number',
      'ndcg@10': 'number',
      mrr: 'number',
      reward: 'number?',
    },
  },
  exposures: {
    name: 'exposures',
    columns: {
      reader_id: 'text',
      day: 'integer',
      arm: 'text',
      cold: 'flag',
      active: 'flag',
      shown: 'integer',
      clicks: 'integer',
      latency_ms: 'number',
      failed: 'flag',
      shift: 'number',
      clicked: 'texts',
    },
  },
  queries: { name: 'queries', columns: { reader_id: 'text', queries: 'texts' } },
} as const satisfies Record<string, TableSchema>;
