import type { ArticleRow, ExampleRow, ImpressionRow, PoolRow, QuarantineRow, SignalRow, TruthRow } from './rows.ts';

/** What every source yields, and what `dataset` artifacts hold: one array a table. */
export interface CanonicalTables {
  signals: SignalRow[];
  articles: ArticleRow[];
  impressions: ImpressionRow[];
  examples: ExampleRow[];
  pool: PoolRow[];
  truth: TruthRow[];
  quarantine: QuarantineRow[];
  /** How the source was divided where the usual way did not do: sentences for the operator and the page. */
  notes: string[];
}
