/** Tables as Arrow IPC with zstd. A table's columns are declared once (data/tables.ts); rows go in and come out as plain objects. */
import { setImmediate } from 'node:timers/promises';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import {
  Bool,
  CompressionType,
  compressionRegistry,
  type Data,
  type DataType,
  Field,
  Float32,
  Float64,
  Int32,
  List,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  type Table,
  TimestampMillisecond,
  tableFromIPC,
  Utf8,
  type Vector,
  makeData,
  vectorFromArray,
} from 'apache-arrow';
import { DataError } from '../errors.ts';

compressionRegistry.set(CompressionType.ZSTD, {
  encode: (data) => zstdCompressSync(data),
  decode: (data) => zstdDecompressSync(data),
});

/**
 * A buffer's prefix is its length before compression, as the format says. apache-arrow 21.2 writes the length after it, which its own
 * reader does not look at, and which every other reader takes for a damaged file.
 */
class TableWriter extends RecordBatchStreamWriter {
  protected override _compressBodyBuffers(buffers: ArrayBufferView[]): Compressed {
    const compressed = super._compressBodyBuffers(buffers);
    buffers.forEach(({ byteLength }, i) => {
      const prefix = compressed.buffers[2 * i];
      if (prefix.byteLength === 0) return;
      const view = new DataView(prefix.buffer, prefix.byteOffset);
      if (view.getBigInt64(0, true) !== STORED_AS_IT_IS) view.setBigInt64(0, BigInt(byteLength), true);
    });
    return compressed;
  }
}

type Compressed = ReturnType<RecordBatchStreamWriter['_compressBodyBuffers']>;

const STORED_AS_IT_IS = -1n;

/** Column types. `time`: milliseconds since 1970, UTC. */
const columnTypes = {
  text: () => new Utf8(),
  number: () => new Float64(),
  integer: () => new Int32(),
  flag: () => new Bool(),
  time: () => new TimestampMillisecond(),
  texts: () => new List(new Field('item', new Utf8(), false)),
  integers: () => new List(new Field('item', new Int32(), false)),
  floats: () => new List(new Field('item', new Float32(), false)),
} satisfies Record<string, () => DataType>;

type ColumnType = keyof typeof columnTypes;

/** A table's columns in order; a type that ends in `?` may be null. */
export interface TableSchema {
  name: string;
  columns: Readonly<Record<string, ColumnType | `${ColumnType}?`>>;
}

const BATCH_ROWS = 16_384;

/** Arrow IPC stream (zstd) of rows. Deterministic: the same rows, the same bytes. */
export function encodeTable(schema: TableSchema, rows: readonly object[]): Uint8Array {
  const arrow = arrowSchema(schema);
  const writer = new TableWriter({ compressionType: CompressionType.ZSTD });
  writer.reset(undefined, arrow);
  for (let start = 0; start < rows.length || start === 0; start += BATCH_ROWS) {
    const some = rows.slice(start, start + BATCH_ROWS);
    const children = arrow.fields.map((field) => {
      const values = some.map((row) => (row as Record<string, unknown>)[field.name] ?? null);
      if (field.type instanceof Utf8) return textData(values as (string | null)[]);
      return vectorFromArray(values, field.type).data[0] ?? makeData({ type: field.type, length: 0 });
    });
    const data = makeData({ type: new Struct(arrow.fields), length: some.length, nullCount: 0, children });
    writer.write(new RecordBatch(arrow, data));
  }
  writer.finish();
  return writer.toUint8Array(true);
}

/** What vectorFromArray makes of texts, in a tenth of its time. */
function textData(values: readonly (string | null)[]): Data<Utf8> {
  const valueOffsets = new Int32Array(values.length + 1);
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8));
  let nullCount = 0;
  // Half a surrogate pair must not find its other half in the next text.
  const texts = values.map((value) => value?.toWellFormed() ?? '');
  for (const [i, text] of texts.entries()) {
    valueOffsets[i + 1] = valueOffsets[i] + Buffer.byteLength(text);
    if (values[i] === null) nullCount++;
    else nullBitmap[i >> 3] |= 1 << (i & 7);
  }
  const data = Buffer.from(texts.join(''));
  return makeData({
    type: new Utf8(),
    length: values.length,
    nullCount,
    valueOffsets,
    data,
    ...(nullCount > 0 ? { nullBitmap } : {}),
  });
}

/** The Arrow table in the bytes. Throws DataError when a column is missing, of another type, or null where it may not be. */
export function decodeTable(schema: TableSchema, bytes: Uint8Array): Table {
  let table: Table;
  try {
    table = tableFromIPC(bytes);
  } catch (cause) {
    throw new DataError(`table ${schema.name} cannot be read as Arrow IPC: ${(cause as Error).message}`, { cause });
  }
  for (const field of arrowSchema(schema).fields) {
    const column = table.getChild(field.name);
    if (!column) throw new DataError(`table ${schema.name} lacks column ${field.name}`);
    if (String(column.type) !== String(field.type)) {
      throw new DataError(`table ${schema.name}: column ${field.name} is ${column.type}, it must be ${field.type}`);
    }
    if (!field.nullable && column.nullCount > 0)
      throw new DataError(`table ${schema.name}: column ${field.name} has ${column.nullCount} nulls, it may have none`);
  }
  return table;
}

/** Rows of a table as plain objects, in order. Lists come as arrays or typed arrays, times as numbers. */
export function rowsOf<Row extends object>(schema: TableSchema, bytes: Uint8Array): Row[] {
  return decodeTable(schema, bytes).batches.flatMap((batch) => rowsOfBatch<Row>(schema, batch));
}

/** The same of a table that may be large: between batches others have their turn, heartbeats among them. */
export async function rowsInTurns<Row extends object>(schema: TableSchema, bytes: Uint8Array): Promise<Row[]> {
  const rows: Row[] = [];
  for (const batch of decodeTable(schema, bytes).batches) {
    for (const row of rowsOfBatch<Row>(schema, batch)) rows.push(row);
    await setImmediate();
  }
  return rows;
}

function rowsOfBatch<Row extends object>(schema: TableSchema, batch: RecordBatch): Row[] {
  const names = Object.keys(schema.columns);
  const columns = names.map((name) => values(batch.getChild(name) as Vector, schema.columns[name]));
  return Array.from({ length: batch.numRows }, (_, row) => {
    const of: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++) of[names[i]] = columns[i][row];
    return of as Row;
  });
}

function arrowSchema({ columns }: TableSchema): Schema {
  return new Schema(
    Object.entries(columns).map(
      ([name, type]) => new Field(name, columnTypes[type.replace('?', '') as ColumnType](), type.endsWith('?')),
    ),
  );
}

function values(column: Vector, type: string): unknown[] {
  const base = type.replace('?', '');
  if (base === 'text') return (column.data as Data<Utf8>[]).flatMap(textsOf);
  const out = Array.from({ length: column.length }, (_, i) => column.get(i) as unknown);
  if (base === 'time') return out.map((value) => (value === null ? null : Number(value)));
  if (base === 'texts') return out.map((value) => (value === null ? null : [...(value as Vector<Utf8>)]));
  if (base === 'integers' || base === 'floats')
    return out.map((value) => (value === null ? null : (value as Vector).toArray().slice()));
  return out;
}

/** A run of equal texts, as readers' ids are, is one string. */
function textsOf(data: Data<Utf8>): (string | null)[] {
  const { valueOffsets, values: bytes, length } = data;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let before = '';
  return Array.from({ length }, (_, i) => {
    if (!data.getValid(i)) return null;
    const text = buffer.toString('utf8', valueOffsets[i], valueOffsets[i + 1]);
    if (text !== before) before = text;
    return before;
  });
}
