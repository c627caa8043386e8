import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../lib/errors.ts';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '../../lib/store/half.ts';
import {
  asFloat32,
  asStored,
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from '../../lib/store/safetensors.ts';

const small: Map<string, StoredTensor> = new Map([
  ['weights', { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, -0, 1e-30) }],
  ['bits', { dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0xc000) }],
  ['mask', { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ['ids', { dtype: 'I64', shape: [1], data: BigInt64Array.of(-(2n ** 40n)) }],
  ['empty', { dtype: 'I32', shape: [0, 4], data: new Int32Array(0) }],
]);

describe('safetensors', () => {
  it('reads back what it wrote, whatever the shapes and formats', () => {
    const tensor = fc
      .record({
        shape: fc.array(fc.nat(4), { maxLength: 3 }),
        dtype: fc.constantFrom('F32', 'F16', 'I32', 'U8', 'I64'),
      })
      .chain(({ shape, dtype }) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const numbers = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: size, maxLength: size });
        return numbers.map((values): StoredTensor => {
          if (dtype === 'I64') return { dtype, shape, data: BigInt64Array.from(values, BigInt) };
          const array = { F32: Float32Array, F16: Uint16Array, I32: Int32Array, U8: Uint8Array }[dtype];
          return { dtype: dtype as 'F32', shape, data: array.from(values) };
        });
      });
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), tensor), (tensors) => {
        const map = new Map(Object.entries(tensors));
        const read = readSafetensors(writeSafetensors(map, { format: 'pt' }));
        expect(Object.fromEntries(read)).toEqual(Object.fromEntries(map));
      }),
    );
  });

  it('writes equal bytes whatever the order of the map', () => {
    const reversed = new Map([...small].reverse());
    expect(writeSafetensors(reversed, { b: '2', a: '1' })).toEqual(writeSafetensors(small, { a: '1', b: '2' }));
  });

  it('refuses every truncation of a file', () => {
    const bytes = writeSafetensors(small);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readSafetensors(bytes.subarray(0, length)), `${length} bytes`).toThrow(CheckpointError);
    }
  });

  it('answers any damage to a header with its own error or a valid reading', () => {
    const bytes = writeSafetensors(small);
    fc.assert(
      fc.property(fc.nat(200), fc.nat(255), (at, value) => {
        const damaged = bytes.slice();
        damaged[at] = value;
        try {
          readSafetensors(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(CheckpointError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['an unknown dtype', { a: { dtype: 'F8_E4M3', shape: [1], data_offsets: [0, 1] } }, /tensor a.*F8_E4M3/],
    [
      'a size that does not fit its shape',
      { a: { dtype: 'F32', shape: [3], data_offsets: [0, 8] } },
      /12 bytes.*span 8/,
    ],
    [
      'overlapping tensors',
      { a: { dtype: 'U8', shape: [8], data_offsets: [0, 8] }, b: { dtype: 'U8', shape: [4], data_offsets: [4, 8] } },
      /tensor b.*overlap/,
    ],
    ['a hole', { a: { dtype: 'U8', shape: [4], data_offsets: [4, 8] } }, /4 unnamed bytes/],
    ['bytes left over', { a: { dtype: 'U8', shape: [4], data_offsets: [0, 4] } }, /4 bytes follow/],
    ['a tensor beyond the end', { a: { dtype: 'U8', shape: [99], data_offsets: [0, 99] } }, /truncated/],
    ['a negative size', { a: { dtype: 'U8', shape: [-1], data_offsets: [0, 8] } }, /shape \[-1\]/],
  ])('refuses %s', (_, header, message) => {
    expect(() => readSafetensors(fileOf(header, 8))).toThrow(message);
  });

  it('reads shards by their index, and names the shard that lacks a tensor', () => {
    const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
    const shard = (name: string): void =>
      writeFileSync(
        join(folder, `${name}.safetensors`),
        writeSafetensors(new Map([[name, small.get(name) as StoredTensor]])),
      );
    shard('weights');
    shard('ids');
    const index = (weightMap: object): void =>
      writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
    index({ weights: 'weights.safetensors', ids: 'ids.safetensors' });
    expect(readSafetensors(folder).get('weights')).toEqual(small.get('weights'));
    index({ weights: 'ids.safetensors' });
    expect(() => readSafetensors(folder)).toThrow(/ids\.safetensors, tensor weights/);
    index({ weights: '../../etc/passwd' });
    expect(() => readSafetensors(folder)).toThrow(/not a file name/);
    index({ weights: 'absent.safetensors' });
    expect(() => readSafetensors(folder)).toThrow(/absent\.safetensors: it cannot be opened/);
  });

  it('does not take integers for weights', () => {
    expect(() => asFloat32(small.get('ids') as StoredTensor, 'ids', 'model')).toThrow(/tensor ids.*I64/);
  });
});

describe('half formats', () => {
  const floats = fc.float32Array({ minLength: 1, maxLength: 50 });

  it('rounds to float16 as Math.f16round does, and widens exactly', () => {
    fc.assert(
      fc.property(floats, (values) => {
        expect(fromFloat16(toFloat16(values))).toEqual(values.map(Math.f16round));
      }),
    );
  });

  it('rounds to the nearest bfloat16, ties to even', () => {
    const limit = Math.fround(1e38);
    const exact = fc.float32Array({
      minLength: 1,
      maxLength: 50,
      noNaN: true,
      noDefaultInfinity: true,
      max: limit,
      min: -limit,
    });
    fc.assert(
      fc.property(exact, (values) => {
        const rounded = fromBfloat16(toBfloat16(values));
        const bits = new Uint32Array(values.buffer);
        values.forEach((value, i) => {
          const below = fromBfloat16(Uint16Array.of(bits[i] >>> 16))[0];
          const above = fromBfloat16(Uint16Array.of((bits[i] >>> 16) + 1))[0];
          const [toBelow, toAbove] = [Math.abs(value - below), Math.abs(above - value)];
          const even = (bits[i] >>> 16) % 2 === 0 ? below : above;
          expect(rounded[i]).toBe(toBelow < toAbove ? below : toBelow > toAbove ? above : even);
        });
      }),
    );
  });

  it('keeps NaN and infinities', () => {
    const odd = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0);
    expect(fromBfloat16(toBfloat16(odd))).toEqual(odd);
    expect(fromFloat16(toFloat16(odd))).toEqual(odd);
    expect(asStored([4], odd, 'F32').data).toBe(odd);
  });
});

function fileOf(header: object, dataBytes: number): Uint8Array {
  const json = Buffer.from(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}
