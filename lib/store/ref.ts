/** What travels through Temporal: the name of an artifact, never its bytes. */

/** Every kind of artifact that a step makes, and what its folder holds. */
export const kinds = {
  dataset: 'canonical tables of one extraction (signals, articles, impressions, examples, pool, truth, quarantine)',
  cleaner: 'keep/drop classifier of signals',
  encoder: 'text encoder: text to unit vector',
  index: 'article embeddings of every split, and the ANN index of each',
  model: 'language model as a Hugging Face folder',
  learner: 'training state: parameters, optimizer moments, round',
  rollouts: 'lists sampled from a policy for a shard of readers',
  scores: 'the five rewards of a shard of rollouts',
  log: 'metrics of a training run, one row a round',
  measured: 'ranking metrics and rewards of readers, by method',
  sweep: 'capacity and best-of-N results',
  evaluation: 'ranking of every method on test readers, with the gate',
  experiment: 'exposures, metrics and outcome of an A/B test',
  rate: 'readers a second that teacher and student write lists for, by turn',
  arms: 'what the arms of a paper run measured: figures of every reader by arm, and what stands beside them',
  paper: 'figures of every table and claim of the paper, with verdicts',
  queries: 'queries of all readers',
  published: 'what leaves the pipeline: queries, student, model card, report',
} as const;

export type Kind = keyof typeof kinds;

/** A content address: `digest` is the SHA-256 of the artifact's file list. `Ref<'model'>` cannot stand where `Ref<'index'>` belongs. */
export interface Ref<K extends Kind = Kind> {
  readonly kind: K;
  readonly digest: string;
}

/** Who made an artifact, out of what: the lineage in its manifest. Not part of the digest. */
export interface MadeBy {
  stage: string;
  step: string;
  run: string;
  settings: unknown;
  /** Digest of the source files that the stage imports. */
  code: string;
  inputs: Record<string, Ref>;
  seed: number;
}
