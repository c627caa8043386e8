/**
 * A language model as one ONNX file with a KV cache, in the layout that optimum, transformers.js and onnxruntime-genai share. Batch and
 * lengths are free, and every operator is a standard one: our own graphs (llama.ts) have fixed shapes and kernels of ONNX Runtime.
 */
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { onnxTypes } from './element-types.ts';
import { sizeOf } from './graph.ts';
import type { LanguageModel } from './language-model.ts';
import { type ModelConfig, parameterShapes } from './language-model-config.ts';
import { createWriter, type DataFile, type ModelWriter, type SymbolicPort } from './onnx.ts';
import { rotaryFrequencies } from './rotary.ts';

/** With room for the graph below protobuf's 2 GB. */
const LARGEST_FILE = 1.9e9;

/**
 * Writes `path`, and where the weights are too large for one file, `path` + `_data` beside it. float32. Fed: input_ids and position_ids int64
 * [batch, sequence], attention_mask int64 [batch, past + sequence] (0: padding, on either side), for each layer
 * past_key_values.N.key and .value [batch, keyValueHeads, past, headDim], past = 0 at first. Yields logits [batch, sequence,
 * vocabulary], and present.N.key and .value [batch, keyValueHeads, past + sequence, headDim], to be fed as the next past.
 * `largestFile`: bytes of weights above which there is a data file; default 1.9 GB.
 */
export function writeOnnxModel(
  { config, parameters }: Pick<LanguageModel, 'config' | 'parameters'>,
  path: string,
  { largestFile = LARGEST_FILE }: { largestFile?: number } = {},
): { hasDataFile: boolean } {
  mkdirSync(dirname(path), { recursive: true });
  const weights = [...parameterShapes(config).values()].reduce((bytes, shape) => bytes + 4 * sizeOf(shape), 0);
  const dataPath = `${path}_data`;
  rmSync(dataPath, { force: true });
  const dataFile = weights > largestFile ? openDataFile(dataPath) : undefined;
  try {
    writeFileSync(path, decoderModel(config, parameters, dataFile));
    return { hasDataFile: dataFile !== undefined };
  } finally {
    dataFile?.close();
  }
}

/** What the model is fed and yields, as the consumers name it. */
export function exportPorts(config: ModelConfig): { inputs: SymbolicPort[]; outputs: SymbolicPort[] } {
  const { keyValueHeads, headDim, vocabularySize, layers } = config;
  const cache = (prefix: string, length: string): SymbolicPort[] =>
    Array.from({ length: layers }, (_, layer) =>
      ['key', 'value'].map(
        (kind): SymbolicPort => ({
          name: `${prefix}.${layer}.${kind}`,
          shape: ['batch_size', keyValueHeads, length, headDim],
          dtype: 'float32',
        }),
      ),
    ).flat();
  return {
    inputs: [
      { name: 'input_ids', shape: ['batch_size', 'sequence_length'], dtype: 'int64' },
      { name: 'attention_mask', shape: ['batch_size', 'total_sequence_length'], dtype: 'int64' },
      { name: 'position_ids', shape: ['batch_size', 'sequence_length'], dtype: 'int64' },
      ...cache('past_key_values', 'past_sequence_length'),
    ],
    outputs: [
      { name: 'logits', shape: ['batch_size', 'sequence_length', vocabularySize], dtype: 'float32' },
      ...cache('present', 'total_sequence_length'),
    ],
  };
}

/** The bytes of the model; the numbers of its weights are in `dataFile`, where there is one. */
function decoderModel(config: ModelConfig, parameters: LanguageModel['parameters'], dataFile?: DataFile): Uint8Array {
  const writer = createWriter(dataFile);
  for (const [name, shape] of parameterShapes(config)) {
    const parameter = parameters.get(name);
    if (!parameter) throw new RangeError(`the model has no ${name}`);
    writer.initializer(name, parameter.data, shape);
  }
  const lengths = lengthsOf(writer);
  const heads = headRotation(writer, config);
  const mask = attentionBias(writer, lengths);

  let x = writer.node('Gather', ['model.embed_tokens.weight', 'input_ids'], { axis: 0 });
  x = writer.node('Reshape', [x, writer.ints([-1, config.hiddenSize])]);
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const normed = rmsNorm(writer, x, `${prefix}.input_layernorm.weight`, config);
    const project = (name: string): string => linear(writer, config, `${prefix}.self_attn.${name}_proj`, normed);
    const grow = (kind: string, fresh: string): string => {
      const all = writer.node('Concat', [`past_key_values.${layer}.${kind}`, fresh], { axis: 2 });
      writer.output(`present.${layer}.${kind}`, all);
      return all;
    };
    const queries = heads.rotate(heads.split(project('q'), config.heads));
    const keys = grow('key', heads.rotate(heads.split(project('k'), config.keyValueHeads)));
    const values = grow('value', heads.split(project('v'), config.keyValueHeads));
    const attended = attention(writer, config, lengths, { queries, keys, values, mask });
    x = writer.node('Add', [x, linear(writer, config, `${prefix}.self_attn.o_proj`, attended)]);
    const second = rmsNorm(writer, x, `${prefix}.post_attention_layernorm.weight`, config);
    const gate = linear(writer, config, `${prefix}.mlp.gate_proj`, second);
    const silu = writer.node('Mul', [gate, writer.node('Sigmoid', [gate])]);
    const gated = writer.node('Mul', [silu, linear(writer, config, `${prefix}.mlp.up_proj`, second)]);
    x = writer.node('Add', [x, linear(writer, config, `${prefix}.mlp.down_proj`, gated)]);
  }
  const final = rmsNorm(writer, x, 'model.norm.weight', config);
  const table = config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  const logits = writer.node('Gemm', [final, table], { transB: 1 });
  const shape = writer.node('Concat', [lengths.batch, lengths.sequence, writer.ints([config.vocabularySize])], {
    axis: 0,
  });
  writer.output('logits', writer.node('Reshape', [logits, shape]));
  const { inputs, outputs } = exportPorts(config);
  return writer.finish(inputs, outputs);
}

/** The free dimensions of a run, int64 [1] each. */
interface Lengths {
  batch: string;
  sequence: string;
  /** past + sequence */
  total: string;
}

function lengthsOf(writer: ModelWriter): Lengths {
  const dimension = (input: string, axis: number): string =>
    writer.node('Gather', [writer.node('Shape', [input]), writer.ints([axis])], { axis: 0 });
  return {
    batch: dimension('input_ids', 0),
    sequence: dimension('input_ids', 1),
    total: dimension('attention_mask', 1),
  };
}

/** Splits rows [batch · sequence, heads · headDim] into [batch, heads, sequence, headDim], and turns those by their positions. */
function headRotation(writer: ModelWriter, config: ModelConfig) {
  const { headDim } = config;
  const half = headDim / 2;
  const positions = writer.node('Cast', ['position_ids'], { to: onnxTypes.float32 });
  const angles = writer.node('Mul', [
    writer.node('Unsqueeze', [positions, writer.ints([1, 3])]),
    writer.constant(rotaryFrequencies(config), [half]),
  ]);
  const [cosine, sine] = ['Cos', 'Sin'].map((of) => writer.node(of, [angles]));
  const part = (x: string, start: number): string =>
    writer.node('Slice', [x, writer.ints([start]), writer.ints([start + half]), writer.ints([3])]);
  const batchAndSequence = writer.node('Shape', ['input_ids']);
  return {
    split: (rows: string, heads: number): string => {
      const shape = writer.node('Concat', [batchAndSequence, writer.ints([heads, headDim])], { axis: 0 });
      return writer.node('Transpose', [writer.node('Reshape', [rows, shape])], { perm: [0, 2, 1, 3] });
    },
    rotate: (x: string): string => {
      const [first, second] = [part(x, 0), part(x, half)];
      const times = (a: string, b: string): string => writer.node('Mul', [a, b]);
      const left = writer.node('Sub', [times(first, cosine), times(second, sine)]);
      const right = writer.node('Add', [times(second, cosine), times(first, sine)]);
      return writer.node('Concat', [left, right], { axis: 3 });
    },
  };
}

/** [batch, 1, sequence, total]: 0 where a token may attend (itself and what is before it, no padding), -1e9 elsewhere. */
function attentionBias(writer: ModelWriter, { sequence, total }: Lengths): string {
  const [zero, one] = [0n, 1n].map((n) => writer.constant(BigInt64Array.of(n), []));
  const scalar = (x: string): string => writer.node('Squeeze', [x, writer.ints([0])]);
  const places = writer.node('Range', [zero, scalar(total), one]);
  const past = scalar(writer.node('Sub', [total, sequence]));
  const own = writer.node('Unsqueeze', [writer.node('Range', [past, scalar(total), one]), writer.ints([1])]);
  const isPast = writer.node('Not', [writer.node('Less', [own, places])]);
  const isToken = writer.node('Unsqueeze', [
    writer.node('Cast', ['attention_mask'], { to: onnxTypes.bool }),
    writer.ints([1, 2]),
  ]);
  const [open, hidden] = [0, -1e9].map((n) => writer.constant(Float32Array.of(n), []));
  return writer.node('Where', [writer.node('And', [isPast, isToken]), open, hidden]);
}

/** Grouped-query attention: the queries that share a key-value head are rows of one product. → [batch · sequence, heads · headDim] */
function attention(
  writer: ModelWriter,
  { heads, keyValueHeads, headDim }: ModelConfig,
  { batch, sequence, total }: Lengths,
  { queries, keys, values, mask }: { queries: string; keys: string; values: string; mask: string },
): string {
  const reshape = (x: string, ...parts: (string | number)[]): string => {
    const shape = parts.map((part) => (typeof part === 'number' ? writer.ints([part]) : part));
    return writer.node('Reshape', [x, writer.node('Concat', shape, { axis: 0 })]);
  };
  const scaled = writer.node('Mul', [queries, writer.constant(Float32Array.of(1 / Math.sqrt(headDim)), [])]);
  const transposed = writer.node('Transpose', [keys], { perm: [0, 1, 3, 2] });
  const scores = writer.node('MatMul', [reshape(scaled, batch, keyValueHeads, -1, headDim), transposed]);
  const biased = writer.node('Add', [reshape(scores, batch, heads, sequence, total), mask]);
  const weights = writer.node('Softmax', [biased], { axis: -1 });
  const mixed = writer.node('MatMul', [reshape(weights, batch, keyValueHeads, -1, total), values]);
  const byToken = writer.node('Transpose', [reshape(mixed, batch, heads, sequence, headDim)], { perm: [0, 2, 1, 3] });
  return writer.node('Reshape', [byToken, writer.ints([-1, heads * headDim])]);
}

/** x / √(mean(x²) + ε) · weight. */
function rmsNorm(writer: ModelWriter, x: string, weight: string, { rmsEpsilon }: ModelConfig): string {
  const mean = writer.node('ReduceMean', [writer.node('Mul', [x, x]), writer.ints([-1])], { keepdims: 1 });
  const raised = writer.node('Add', [mean, writer.constant(Float32Array.of(rmsEpsilon), [])]);
  return writer.node('Mul', [writer.node('Div', [x, writer.node('Sqrt', [raised])]), weight]);
}

/** Rows times a stored matrix [out, in], with its bias where the model has one. */
function linear(writer: ModelWriter, config: ModelConfig, name: string, x: string): string {
  const bias = parameterShapes(config).has(`${name}.bias`) ? [`${name}.bias`] : [];
  return writer.node('Gemm', [x, `${name}.weight`, ...bias], { transB: 1 });
}

/** Tensors begin at whole pages, so that a runtime may map the file instead of reading it. */
const PAGE = 4096;

function openDataFile(path: string): DataFile & { close(): void } {
  const file = openSync(path, 'w');
  let end = 0;
  return {
    name: basename(path),
    append: (bytes) => {
      const start = Math.ceil(end / PAGE) * PAGE;
      for (let done = 0; done < bytes.length; )
        done += writeSync(file, bytes, done, Math.min(bytes.length - done, 1 << 30), start + done);
      end = start + bytes.length;
      return start;
    },
    close: () => closeSync(file),
  };
}
