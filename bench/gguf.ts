/** Writes a Llama model as GGUF version 3 in float32, the file that llama.cpp reads (github.com/ggml-org/ggml, docs/gguf.md). */
import type { LanguageModel } from '../lib/tensor/language-model.ts';

type Metadata = readonly (readonly [
  key: string,
  type: 'u32' | 'f32' | 'string' | 'strings' | 'i32s',
  value: unknown,
])[];

const typeIds = { u32: 4, i32: 5, f32: 6, string: 8, array: 9 } as const;
const ALIGNMENT = 32;
const FLOAT32 = 0;

/** The bytes of a model with tied embeddings. The vocabulary is the numbers as words: contenders are given token ids. */
export function writeGguf({ config, parameters }: Pick<LanguageModel, 'config' | 'parameters'>): Uint8Array {
  const tensors = [...parameters].map(([name, { shape, data }]) => {
    const heads = name.endsWith('q_proj.weight') ? config.heads : config.keyValueHeads;
    const rotated = name.endsWith('q_proj.weight') || name.endsWith('k_proj.weight');
    return { name: ggufName(name), shape, data: rotated ? interleaved(data, shape, heads) : data };
  });
  const metadata: Metadata = [
    ['general.architecture', 'string', 'llama'],
    ['general.name', 'string', 'bench'],
    ['general.alignment', 'u32', ALIGNMENT],
    ['llama.context_length', 'u32', config.maxPositions],
    ['llama.embedding_length', 'u32', config.hiddenSize],
    ['llama.block_count', 'u32', config.layers],
    ['llama.feed_forward_length', 'u32', config.intermediateSize],
    ['llama.attention.head_count', 'u32', config.heads],
    ['llama.attention.head_count_kv', 'u32', config.keyValueHeads],
    ['llama.attention.layer_norm_rms_epsilon', 'f32', config.rmsEpsilon],
    ['llama.attention.key_length', 'u32', config.headDim],
    ['llama.attention.value_length', 'u32', config.headDim],
    ['llama.rope.dimension_count', 'u32', config.headDim],
    ['llama.rope.freq_base', 'f32', config.ropeTheta],
    ['llama.vocab_size', 'u32', config.vocabularySize],
    ['tokenizer.ggml.model', 'string', 'gpt2'],
    ['tokenizer.ggml.pre', 'string', 'default'],
    ['tokenizer.ggml.tokens', 'strings', Array.from({ length: config.vocabularySize }, (_, id) => `t${id}`)],
    ['tokenizer.ggml.token_type', 'i32s', Array.from({ length: config.vocabularySize }, () => 1)],
    ['tokenizer.ggml.merges', 'strings', ['t 0']],
    ['tokenizer.ggml.eos_token_id', 'u32', 0],
  ];
  const head = new Bytes();
  head.text('GGUF', false);
  head.u32(3);
  head.u64(tensors.length);
  head.u64(metadata.length);
  for (const entry of metadata) writeEntry(head, entry);
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    head.text(name);
    head.u32(shape.length);
    for (const size of shape.toReversed()) head.u64(size);
    head.u32(FLOAT32);
    head.u64(offset);
    offset = aligned(offset + data.byteLength);
  }
  const start = aligned(head.length);
  const bytes = new Uint8Array(start + offset);
  bytes.set(head.all());
  let at = start;
  for (const { data } of tensors) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at = aligned(at + data.byteLength);
  }
  return bytes;
}

const partNames: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

function ggufName(name: string): string {
  if (name === 'model.embed_tokens.weight') return 'token_embd.weight';
  if (name === 'model.norm.weight') return 'output_norm.weight';
  const [, layer, part] = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name) ?? [];
  const own = partNames[part ?? ''];
  if (own === undefined) throw new RangeError(`${name} has no name in a GGUF file`);
  return `blk.${layer}.${own}.weight`;
}

/** Rows of a projection from rotated halves (i, i + headDim/2) to rotated neighbours (2i, 2i + 1), which is how llama.cpp pairs them. */
function interleaved(data: Float32Array, [rows, width]: readonly number[], heads: number): Float32Array {
  const headDim = rows / heads;
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    const inHead = row % headDim;
    const from = row - inHead + (inHead % 2) * (headDim / 2) + Math.floor(inHead / 2);
    out.set(data.subarray(from * width, (from + 1) * width), row * width);
  }
  return out;
}

function writeEntry(to: Bytes, [key, type, value]: Metadata[number]): void {
  to.text(key);
  if (type === 'strings' || type === 'i32s') {
    const values = value as readonly (string | number)[];
    to.u32(typeIds.array);
    to.u32(type === 'strings' ? typeIds.string : typeIds.i32);
    to.u64(values.length);
    for (const one of values) {
      if (typeof one === 'string') to.text(one);
      else to.u32(one);
    }
    return;
  }
  to.u32(typeIds[type]);
  if (type === 'string') to.text(value as string);
  else if (type === 'f32') to.f32(value as number);
  else to.u32(value as number);
}

/** Grows as it is written, little-endian. */
class Bytes {
  readonly #parts: Buffer[] = [];
  length = 0;

  all(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  u32(value: number): void {
    this.#number(4, (buffer) => buffer.writeUInt32LE(value));
  }

  f32(value: number): void {
    this.#number(4, (buffer) => buffer.writeFloatLE(value));
  }

  u64(value: number): void {
    this.#number(8, (buffer) => buffer.writeBigUInt64LE(BigInt(value)));
  }

  text(text: string, withLength = true): void {
    const bytes = Buffer.from(text);
    if (withLength) this.u64(bytes.length);
    this.#push(bytes);
  }

  #number(size: number, write: (buffer: Buffer) => void): void {
    const buffer = Buffer.alloc(size);
    write(buffer);
    this.#push(buffer);
  }

  #push(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}
