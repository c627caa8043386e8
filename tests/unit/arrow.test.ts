import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeTable, rowsInTurns, rowsOf, type TableSchema } from '../../lib/store/arrow.ts';

const schema: TableSchema = { name: 'numbers', columns: { value: 'number', note: 'text?' } };
const zstdMagic = [0x28, 0xb5, 0x2f, 0xfd];

/** What stands in the eight bytes before each zstd frame. */
function prefixes(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return [...bytes.keys()]
    .filter((at) => at >= 8 && zstdMagic.every((byte, i) => bytes[at + i] === byte))
    .map((at) => view.getBigInt64(at - 8, true));
}

describe('tables as Arrow', () => {
  it('come back as they went in, across batches', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => ({
      value: i / 3,
      note: i % 5 === 0 ? null : `note ${i % 7}`,
    }));
    expect(rowsOf(schema, encodeTable(schema, rows))).toEqual(rows);
    expect(rowsOf(schema, encodeTable(schema, []))).toEqual([]);
    expect(await rowsInTurns(schema, encodeTable(schema, rows))).toEqual(rows);
  });

  it('hold any text, half a surrogate pair as U+FFFD', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', 'à', '漢字', '👓', '\ud83d', '\udc53', null),
    );
    fc.assert(
      fc.property(fc.array(text), (notes) => {
        const rows = notes.map((note, value) => ({ value, note }));
        const read = rowsOf<(typeof rows)[number]>(schema, encodeTable(schema, rows));
        expect(read.map(({ note }) => note)).toEqual(notes.map((note) => note?.toWellFormed() ?? null));
      }),
    );
    expect(() =>
      rowsOf(
        { ...schema, columns: { value: 'number', note: 'text' } },
        encodeTable(schema, [{ value: 1, note: null }]),
      ),
    ).toThrow('column note has 1 nulls');
  });

  it('name the length of each buffer before compression, which other readers rely on', () => {
    const rows = Array.from({ length: 1000 }, () => ({ value: 1, note: 'abcd' }));
    // 8 bytes a number; the texts, 4 each; their 1,001 offsets of 4 bytes, padded to 8.
    expect(prefixes(encodeTable(schema, rows))).toEqual(expect.arrayContaining([8000n, 4000n]));
    for (const length of prefixes(encodeTable(schema, rows))) expect(Number(length)).toBeGreaterThanOrEqual(4000);
  });
});
