/** The judge scores coverage and specificity of a list for its reader. Implementations: local-judge.ts (its rule: rubric.ts), openai-judge.ts. */
import type { Reader } from '../data/rows.ts';

/** A list to judge. */
export interface JudgeItem {
  /** Only its cleaned signals may be read: never `clicked`, the future. */
  reader: Pick<Reader, 'readerId' | 'signals'>;
  queries: readonly string[];
  /** Unit rows, one a query. */
  embeddings: readonly Float32Array[];
}

/** Both in [0, 1], both about this reader. */
export interface Judgement {
  /** F1 of: interests served by some query; queries that serve some interest. */
  coverage: number;
  /** How specific the queries are, as far as the reader's signals support them. */
  specificity: number;
}

export interface Judge {
  /**
   * One judgement an item, in order. null: no judgement could be had; it is missing, not zero. Throws JudgeError where none can ever be had.
   * `progress`: told the share that is done, by a judge that takes its time.
   */
  judge(batch: readonly JudgeItem[], progress?: (fraction: number) => void): Promise<(Judgement | null)[]>;
}

/** Harmonic mean of recall and precision; 0 where either is 0. */
export function f1(recall: number, precision: number): number {
  return recall + precision === 0 ? 0 : (2 * recall * precision) / (recall + precision);
}
