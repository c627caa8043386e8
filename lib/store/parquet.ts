/** Tables as Parquet, for readers that have no Arrow: the same columns and rows. */
import { type DuckDBAppender, DuckDBInstance, LIST, listValue, VARCHAR } from '@duckdb/node-api';
import type { TableSchema } from './arrow.ts';

/** Columns of texts and lists of texts: what is published. */
const columns = {
  text: { sql: 'VARCHAR', append: (to: DuckDBAppender, value: unknown) => to.appendVarchar(value as string) },
  texts: {
    sql: 'VARCHAR[]',
    append: (to: DuckDBAppender, value: unknown) => to.appendList(listValue(value as string[]), LIST(VARCHAR)),
  },
};

export interface TextTableSchema extends TableSchema {
  columns: Readonly<Record<string, keyof typeof columns>>;
}

/** Writes rows to a Parquet file (zstd), in order. */
export async function writeParquet(path: string, schema: TextTableSchema, rows: readonly object[]): Promise<void> {
  // One thread: rows stay in order.
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    const names = Object.keys(schema.columns);
    const kinds = names.map((name) => columns[schema.columns[name]]);
    const definition = names.map((name, i) => `${quoted(name, '"')} ${kinds[i].sql} NOT NULL`).join(', ');
    await connection.run(`CREATE TABLE ${quoted(schema.name, '"')} (${definition})`);
    const appender = await connection.createAppender(schema.name);
    for (const row of rows) {
      names.forEach((name, i) => kinds[i].append(appender, (row as Record<string, unknown>)[name]));
      appender.endRow();
    }
    appender.closeSync();
    await connection.run(`COPY ${quoted(schema.name, '"')} TO ${quoted(path, "'")} (FORMAT parquet, COMPRESSION zstd)`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function quoted(text: string, quote: string): string {
  return `${quote}${text.replaceAll(quote, quote + quote)}${quote}`;
}
