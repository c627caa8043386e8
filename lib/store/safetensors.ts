/**
 * safetensors, read and written (github.com/huggingface/safetensors): eight bytes of header length, a JSON header of
 * {name: {dtype, shape, data_offsets}}, the numbers, little-endian, without gaps.
 */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CheckpointError } from '../errors.ts';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './half.ts';

/** The number formats we read, with the typed array that holds each: half formats as their bits, booleans as bytes. */
const formats = {
  F32: { bytes: 4, array: Float32Array },
  F16: { bytes: 2, array: Uint16Array },
  BF16: { bytes: 2, array: Uint16Array },
  I64: { bytes: 8, array: BigInt64Array },
  I32: { bytes: 4, array: Int32Array },
  U8: { bytes: 1, array: Uint8Array },
  BOOL: { bytes: 1, array: Uint8Array },
} as const;

export type SafetensorsDtype = keyof typeof formats;
export type FloatDtype = 'F32' | 'F16' | 'BF16';

/** One stored tensor, row-major. F16 and BF16 hold bits: `asFloat32` reads any of the three float formats. */
export interface StoredTensor {
  dtype: SafetensorsDtype;
  shape: number[];
  data: Float32Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array;
}

/**
 * All tensors of a checkpoint: bytes of one file, the path of a `.safetensors` file or of a `.safetensors.index.json` of shards, or
 * the folder of a model. Throws CheckpointError, naming file and tensor, when a header is malformed, a size is wrong,
 * tensors overlap or leave gaps, the file is truncated, or a shard is missing.
 */
export function readSafetensors(source: string | Uint8Array): Map<string, StoredTensor> {
  if (typeof source !== 'string') return readFrom(bytesReader(source));
  const path = existsSync(source) && statSync(source).isDirectory() ? checkpointIn(source) : source;
  return path.endsWith('.json') ? readShards(path) : readFile(path);
}

/** The checkpoint of a model folder: `model.safetensors`, or the index of its shards. */
function checkpointIn(folder: string): string {
  for (const name of ['model.safetensors', 'model.safetensors.index.json']) {
    if (existsSync(join(folder, name))) return join(folder, name);
  }
  throw new CheckpointError({
    path: folder,
    problem: 'it holds neither model.safetensors nor model.safetensors.index.json',
    remedy: 'point at a Hugging Face model folder (pytorch_model.bin is not read: convert it to safetensors)',
  });
}

/** Any float tensor as float32. */
export function asFloat32(tensor: StoredTensor, name: string, path: string): Float32Array {
  if (tensor.dtype === 'F32') return tensor.data as Float32Array;
  if (tensor.dtype === 'F16') return fromFloat16(tensor.data as Uint16Array);
  if (tensor.dtype === 'BF16') return fromBfloat16(tensor.data as Uint16Array);
  throw new CheckpointError({ path, tensor: name, problem: `it holds ${tensor.dtype}, not floats` });
}

/** A float tensor stored in `dtype`. */
export function asStored(shape: readonly number[], data: Float32Array, dtype: FloatDtype): StoredTensor {
  const stored = dtype === 'F32' ? data : dtype === 'F16' ? toFloat16(data) : toBfloat16(data);
  return { dtype, shape: [...shape], data: stored };
}

/**
 * The bytes of one safetensors file. Equal tensors and metadata give equal bytes, whatever the order of the map: widest
 * format first, then by name, as the reference implementation does, and the header padded to eight bytes.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries = [...tensors].sort(
    ([nameA, a], [nameB, b]) => formats[b.dtype].bytes - formats[a.dtype].bytes || (nameA < nameB ? -1 : 1),
  );
  const header: [string, unknown][] = [];
  const keys = Object.keys(metadata).sort();
  if (keys.length > 0) header.push(['__metadata__', Object.fromEntries(keys.map((key) => [key, metadata[key]]))]);
  let offset = 0;
  for (const [name, { dtype, shape, data }] of entries) {
    const expected = product(shape);
    if (data.length !== expected) {
      throw new RangeError(
        `tensor ${name} of shape [${shape.join()}] needs ${expected} numbers, it has ${data.length}`,
      );
    }
    header.push([name, { dtype, shape, data_offsets: [offset, offset + data.byteLength] }]);
    offset += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes);
  bytes.set(json, 8);
  let position = 8 + headerBytes;
  for (const [, { data }] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

/** Where the bytes are: a file read tensor by tensor, so that memory holds each number once, or bytes at hand. */
interface ByteReader {
  path: string;
  size: number;
  read(position: number, length: number): ArrayBuffer;
}

function bytesReader(bytes: Uint8Array): ByteReader {
  return {
    path: '(bytes)',
    size: bytes.length,
    read: (position, length) => bytes.slice(position, position + length).buffer as ArrayBuffer,
  };
}

function readFile(path: string): Map<string, StoredTensor> {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw new CheckpointError({ path, problem: 'it cannot be opened', cause });
  }
  try {
    const read = (position: number, length: number): ArrayBuffer => {
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const got = readSync(file, bytes, done, Math.min(length - done, 1 << 30), position + done);
        if (got === 0) throw new CheckpointError({ path, problem: `it ends at byte ${position + done}` });
        done += got;
      }
      return bytes.buffer;
    };
    return readFrom({ path, size: fstatSync(file).size, read });
  } finally {
    closeSync(file);
  }
}

function readShards(indexPath: string): Map<string, StoredTensor> {
  const folder = dirname(indexPath);
  const weightMap = parseIndex(indexPath);
  const files = new Map<string, Map<string, StoredTensor>>();
  const tensors = new Map<string, StoredTensor>();
  for (const [name, file] of Object.entries(weightMap)) {
    if (typeof file !== 'string' || basename(file) !== file) {
      throw new CheckpointError({
        path: indexPath,
        tensor: name,
        problem: `its shard ${JSON.stringify(file)} is not a file name`,
      });
    }
    let shard = files.get(file);
    if (!shard) files.set(file, (shard = readFile(join(folder, file))));
    const tensor = shard.get(name);
    if (!tensor)
      throw new CheckpointError({
        path: join(folder, file),
        tensor: name,
        problem: 'the index promises it, the shard lacks it',
      });
    tensors.set(name, tensor);
  }
  return tensors;
}

function parseIndex(path: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new CheckpointError({ path, problem: 'it is not JSON', cause });
  }
  const weightMap = isRecord(parsed) ? parsed.weight_map : undefined;
  if (!isRecord(weightMap)) throw new CheckpointError({ path, problem: 'it has no weight_map' });
  return weightMap;
}

interface Entry {
  name: string;
  dtype: SafetensorsDtype;
  shape: number[];
  begin: number;
  end: number;
}

/** The reference implementation's limit: a longer header is a wrong file, not a large model. */
const longestHeader = 100_000_000;

function readFrom(reader: ByteReader): Map<string, StoredTensor> {
  const { path, size } = reader;
  if (size < 8) throw new CheckpointError({ path, problem: `it has ${size} bytes, too few for a safetensors file` });
  const headerBytes = Number(new DataView(reader.read(0, 8)).getBigUint64(0, true));
  if (headerBytes > longestHeader || 8 + headerBytes > size) {
    throw new CheckpointError({
      path,
      problem: `its header claims ${headerBytes} bytes, the file has ${size}: truncated, or not a safetensors file`,
    });
  }
  const entries = parseHeader(new Uint8Array(reader.read(8, headerBytes)), path);
  checkLayout(entries, size - 8 - headerBytes, path);
  return new Map(
    entries.map(({ name, dtype, shape, begin, end }) => {
      const buffer = reader.read(8 + headerBytes + begin, end - begin);
      return [name, { dtype, shape, data: new formats[dtype].array(buffer) }];
    }),
  );
}

function parseHeader(bytes: Uint8Array, path: string): Entry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CheckpointError({ path, problem: 'its header is not JSON: not a safetensors file, or damaged', cause });
  }
  if (!isRecord(parsed)) throw new CheckpointError({ path, problem: 'its header is not a JSON object' });
  return Object.entries(parsed)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => parseEntry(name, value, path));
}

function parseEntry(name: string, value: unknown, path: string): Entry {
  const fail = (problem: string): never => {
    throw new CheckpointError({ path, tensor: name, problem });
  };
  if (!isRecord(value)) return fail('its entry in the header is not an object');
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(formats, dtype)) {
    return fail(`its dtype ${JSON.stringify(dtype)} is not one of ${Object.keys(formats).join(', ')}`);
  }
  const known = dtype as SafetensorsDtype;
  if (!isCounts(shape)) return fail(`its shape ${JSON.stringify(shape)} is not a list of sizes`);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    return fail(`its data_offsets ${JSON.stringify(offsets)} are not [begin, end]`);
  }
  const [begin, end] = offsets;
  const expected = product(shape) * formats[known].bytes;
  if (end - begin !== expected) {
    return fail(`${known} of shape [${shape.join()}] takes ${expected} bytes, its data_offsets span ${end - begin}`);
  }
  return { name, dtype: known, shape, begin, end };
}

/** Tensors must fill the data section end to end: anything else is damage, or something hidden. */
function checkLayout(entries: readonly Entry[], dataBytes: number, path: string): void {
  let position = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < position)
      throw new CheckpointError({ path, tensor: name, problem: 'its bytes overlap those of another tensor' });
    if (begin > position)
      throw new CheckpointError({ path, tensor: name, problem: `${begin - position} unnamed bytes lie before it` });
    if (end > dataBytes) {
      throw new CheckpointError({
        path,
        tensor: name,
        problem: `it ends at byte ${end} of ${dataBytes}: the file is truncated`,
      });
    }
    position = end;
  }
  if (position !== dataBytes)
    throw new CheckpointError({ path, problem: `${dataBytes - position} bytes follow its last tensor` });
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function product(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}
