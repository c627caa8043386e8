/** One table of a warehouse export through DuckDB: every value as text, times as ms. SQL holds the operator's names only as quoted text. */
import { open } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { DataError } from '../errors.ts';
import { suggestion } from '../pipeline/nearest.ts';
import { linesOf } from './lines.ts';
import { quarantined } from './quarantine.ts';
import type { QuarantineRow } from './rows.ts';
import type { Format, WarehouseFolder } from './warehouse-files.ts';

/** `texts`: a list; in CSV a JSON array or ids with spaces, commas or bars between. A type that ends in `?` may be missing. */
export type ColumnType = 'text' | 'text?' | 'time' | 'texts';

export interface TableQuery {
  table: string;
  names: readonly string[];
  format: Format;
  /** The canonical columns. */
  columns: Readonly<Record<string, ColumnType>>;
  /** What they are called in the files, where not the same. */
  theirs: Readonly<Record<string, string>>;
}

/** One record. `row`: from 1 in its file, without the header and without what DuckDB refused before it. */
export interface Cells {
  name: string;
  row: number;
  /** By canonical column: text, lists as text, times as ms. */
  values: Record<string, string | number | null>;
}

/** A DuckDB in memory that reads `folder` and nothing else: no network, no extension. The caller closes it. */
export async function openDuckDB(folder: string): Promise<{ connection: DuckDBConnection; close(): void }> {
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run(`SET allowed_directories = [${literal(folder)}]`);
  await connection.run('SET enable_external_access = false');
  return {
    connection,
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** The records of a table in the files' order; lines that are no record go to the quarantine. Throws DataError. */
export async function* recordsOf(
  connection: DuckDBConnection,
  folder: WarehouseFolder,
  query: TableQuery,
  quarantine: QuarantineRow[],
): AsyncGenerator<Cells> {
  const place = `${folder.path}/${query.names[0]}`;
  try {
    const scan = await scanOf(connection, folder, query);
    const expressions = Object.entries(query.columns).map(([column, type]) => {
      const theirs = theirColumn(query, column, Object.keys(scan.types), place);
      return theirs === null ? 'NULL' : valueOf(identifier(theirs), type, scan.types[theirs]);
    });
    const surplus = query.format === 'csv' ? identifier(surplusColumn) : 'NULL';
    const result = await connection.stream(
      `SELECT ${identifier(fileColumn)}, ${surplus}, ${expressions.join(', ')} FROM ${scan.sql}`,
    );
    const counts = new Map<string, number>();
    for await (const rows of result.yieldRowsJs()) {
      for (const [file, more, ...cells] of rows as [string, string | null, ...(string | number | null)[]][]) {
        const row = (counts.get(file) ?? 0) + 1;
        counts.set(file, row);
        const name = nameOf(folder, file);
        const values = Object.fromEntries(Object.keys(query.columns).map((column, i) => [column, cells[i]]));
        if (more === null) yield { name, row, values };
        else quarantine.push(quarantined(name, row, 'more columns than the header', JSON.stringify(values)));
      }
    }
    if (query.format === 'csv')
      for (const refused of await refusedLines(connection, folder, query.table)) quarantine.push(refused);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const [what] = (cause as Error).message.split('\n');
    throw new DataError(`${place} cannot be read as ${query.format}: ${what}`, { cause });
  }
}

/** Names that no column of theirs has: DuckDB puts each row's file there, and of CSV what a row has beyond its header. */
const fileColumn = 'newshound file';
const surplusColumn = 'newshound surplus';

interface Scan {
  /** A table function of DuckDB. */
  sql: string;
  /** DuckDB's type of each column. */
  types: Record<string, string>;
}

async function scanOf(connection: DuckDBConnection, folder: WarehouseFolder, query: TableQuery): Promise<Scan> {
  const paths = query.names.map((name) => join(folder.local, name));
  const globbed = paths.find((path) => /[*?[\]]/.test(path));
  if (globbed) throw new DataError(`${globbed}: a path may not hold *, ?, [ or ]. Rename it`);
  const files = `[${paths.map(literal).join(', ')}]`;
  const filename = `filename = ${literal(fileColumn)}`;
  if (query.format === 'parquet') {
    const sql = `read_parquet(${files}, ${filename})`;
    return { sql, types: await typesOf(connection, sql) };
  }
  if (query.format === 'csv') {
    const types = await csvHeader(paths);
    // Strict mode would refuse the whole file for one stray quote. Short rows are padded with nulls, which the table's rules judge.
    const options = [
      `header = true, auto_detect = false, strict_mode = false, null_padding = true, parallel = false`,
      `quote = '"', escape = '"', delim = ${paths[0].toLowerCase().endsWith('.tsv') ? "'\t'" : "','"}`,
      `columns = ${struct({ ...types, [surplusColumn]: 'VARCHAR' })}, store_rejects = true`,
      `rejects_table = ${literal(rejectsOf(query.table))}, rejects_scan = ${literal(`${rejectsOf(query.table)}_scans`)}`,
    ];
    return { sql: `read_csv(${files}, ${filename}, ${options.join(', ')})`, types };
  }
  // A line of JSON that is none gives a row of nulls; an array is read whole or not at all.
  const format = (await isArray(paths[0])) ? "format = 'array'" : "format = 'newline_delimited', ignore_errors = true";
  const found = await typesOf(connection, `read_json(${files}, ${format}, maximum_depth = 1, sample_size = -1)`);
  const types = Object.fromEntries(Object.keys(found).map((column) => [column, 'VARCHAR']));
  return { sql: `read_json(${files}, ${filename}, ${format}, columns = ${struct(types)})`, types };
}

async function typesOf(connection: DuckDBConnection, sql: string): Promise<Record<string, string>> {
  const description = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${sql}`);
  const rows = description.getRowsJS() as [string, string][];
  return Object.fromEntries(rows.filter(([column]) => column !== fileColumn));
}

/** The header is read here, for DuckDB guesses at the whole dialect, and refuses files with bad rows as it does. */
async function csvHeader(paths: readonly string[]): Promise<Record<string, string>> {
  const headers = await Promise.all(paths.map(firstLine));
  const other = headers.findIndex((header) => header !== headers[0]);
  if (other !== -1)
    throw new DataError(
      `${paths[other]}:1: its header is not that of ${paths[0]}. Parts of a table need the same columns`,
    );
  const cell = paths[0].toLowerCase().endsWith('.tsv') ? /"((?:[^"]|"")*)"|([^\t]+)/g : /"((?:[^"]|"")*)"|([^,]+)/g;
  const columns = [...headers[0].matchAll(cell)].map(([, quoted, plain]) =>
    (quoted?.replaceAll('""', '"') ?? plain).trim(),
  );
  if (columns.length === 0) throw new DataError(`${paths[0]} is empty. Its first line must name the columns`);
  const twice = columns.find((column, i) => columns.indexOf(column) !== i);
  if (twice !== undefined) throw new DataError(`${paths[0]}:1: column "${twice}" is there twice. Rename one`);
  return Object.fromEntries(columns.map((column) => [column, 'VARCHAR']));
}

async function firstLine(path: string): Promise<string> {
  for await (const { text } of linesOf(path)) return text;
  return '';
}

async function isArray(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(64) });
    return buffer.toString('utf8', 0, bytesRead).trimStart().startsWith('[');
  } finally {
    await file.close();
  }
}

/** The name of a canonical column in the files, null for an optional one that is not there. */
function theirColumn(query: TableQuery, column: string, there: readonly string[], place: string): string | null {
  const setting = `source.mapping.${query.table}.columns.${column}`;
  const named = query.theirs[column];
  if (there.includes(named ?? column)) return named ?? column;
  if (named !== undefined)
    throw new DataError(`${place} has no column "${named}" (${setting}). ${suggestion(named, there)}`);
  if (query.columns[column].endsWith('?')) return null;
  throw new DataError(`${place} has no column "${column}": name yours in ${setting}. ${suggestion(column, there)}`);
}

/** SQL of a column's value as text or, of a time, as ms: dates and timestamps, ISO text (UTC where it names no zone), or a number since 1970 whose size tells seconds, ms, µs or ns. */
function valueOf(column: string, type: ColumnType, theirType: string): string {
  if (type === 'texts' && theirType.endsWith(']')) return `CAST(to_json(${column}) AS VARCHAR)`;
  if (type !== 'time') return `CAST(${column} AS VARCHAR)`;
  if (/^(TIMESTAMP|DATE)/.test(theirType)) return `CAST(TRY(epoch_ms(${column})) AS DOUBLE)`;
  const number = `TRY_CAST(${column} AS DOUBLE)`;
  return `CASE WHEN ${number} IS NULL THEN CAST(TRY(epoch_ms(TRY_CAST(CAST(${column} AS VARCHAR) AS TIMESTAMPTZ))) AS DOUBLE)
    WHEN ${number} < 1e11 THEN ${number} * 1e3 WHEN ${number} < 1e14 THEN ${number} WHEN ${number} < 1e17 THEN ${number} / 1e3 ELSE ${number} / 1e6 END`;
}

async function refusedLines(
  connection: DuckDBConnection,
  folder: WarehouseFolder,
  table: string,
): Promise<QuarantineRow[]> {
  const rejects = rejectsOf(table);
  const lines = await connection.runAndReadAll(
    `SELECT file_path, CAST(line AS INTEGER), any_value(error_type)::VARCHAR, any_value(csv_line) FROM ${identifier(rejects)}
     JOIN ${identifier(`${rejects}_scans`)} USING (scan_id, file_id) GROUP BY ALL ORDER BY ALL`,
  );
  return (lines.getRowsJS() as [string, number, string, string | null][]).map(([file, line, problem, text]) =>
    quarantined(nameOf(folder, file), line, `no CSV record: ${problem.toLowerCase()}`, text ?? ''),
  );
}

function rejectsOf(table: string): string {
  return `${table}_rejects`;
}

function nameOf(folder: WarehouseFolder, file: string): string {
  return relative(folder.local, file).replaceAll('\\', '/');
}

function struct(types: Readonly<Record<string, string>>): string {
  return `{${Object.entries(types)
    .map(([column, type]) => `${literal(column)}: ${literal(type)}`)
    .join(', ')}}`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
