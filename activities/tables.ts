/** Rollouts, scores and logs as artifacts: Arrow tables with lineage. */
import type { LogRow, PerReaderRow, RolloutRow, ScoreRow } from '../lib/data/rows.ts';
import { schemas } from '../lib/data/tables.ts';
import { encodeTable, rowsOf } from '../lib/store/arrow.ts';
import type { Artifacts } from '../lib/store/artifacts.ts';
import type { MadeBy, Ref } from '../lib/store/ref.ts';
import type { WrittenList } from '../lib/training/lists.ts';

interface RowTypes {
  rollouts: RolloutRow;
  scores: ScoreRow;
  log: LogRow;
  measured: PerReaderRow;
}

/** Stores rows as the one table of an artifact of this kind. */
export async function writeRows<K extends keyof RowTypes>(
  artifacts: Artifacts,
  kind: K,
  rows: readonly RowTypes[K][],
  made: MadeBy,
): Promise<Ref<K>> {
  return artifacts.put(kind, { [`${kind}.arrow`]: encodeTable(schemas[kind], rows) }, made);
}

/** Rows of several such artifacts, one after the other. */
export async function readRows<K extends keyof RowTypes>(
  artifacts: Artifacts,
  kind: K,
  refs: readonly Ref<K>[],
): Promise<RowTypes[K][]> {
  const tables = await Promise.all(refs.map((ref) => artifacts.read(ref, `${kind}.arrow`)));
  return tables.flatMap((bytes) => rowsOf<RowTypes[K]>(schemas[kind], bytes));
}

/** One round's figures as log rows. */
export function logRows(round: number, metrics: Readonly<Record<string, number>>): LogRow[] {
  return Object.entries(metrics).map(([metric, value]) => ({ round, metric, value }));
}

export function rolloutRow({
  readerId,
  sample,
  tokens,
  logprobs,
  finished,
  text,
  queries,
  valid,
}: WrittenList): RolloutRow {
  return { reader_id: readerId, sample, tokens, logprobs, finished, text, queries, valid };
}
