/**
 * Llama and Qwen2 as one traced function: pre-normalised blocks of grouped-query attention with rotary positions, and SwiGLU (Touvron
 * et al. 2023). Activations are rows [batch · time, hidden], so that every projection is one matrix product.
 */
import type { Traced } from './computation.ts';
import { constant, type Tensor } from './graph.ts';
import { adapterNames, type ModelConfig, parameterShapes } from './language-model-config.ts';
import { add, attend, checkpoint, gather, matmul, mul, reshape, rmsNorm, rotary, silu, transpose } from './ops.ts';
import type { Parameter, Parameters } from './parameters.ts';
import { Random } from '../random.ts';
import { rotaryFrequencies } from './rotary.ts';

/**
 * Attention of one layer: queries [batch, time, heads · headDim], keys and values [batch, time, keyValueHeads · headDim], queries and
 * keys rotated → [batch · time, heads · headDim]. Where keys come from besides (a cache) is the caller's business.
 */
export type Attention = (layer: number, queries: Tensor, keys: Tensor, values: Tensor) => Tensor;

/**
 * The network around its attention: int ids and positions [batch, time] (all positions below `positionLimit`) → [batch · time, hidden], or
 * only those at int `rows` → [rows, hidden]: what the last layer would compute of others after its attention, nobody reads.
 */
export function transformer(
  config: ModelConfig,
  p: Traced,
  ids: Tensor,
  positions: Tensor,
  positionLimit: number,
  attention: Attention,
  { rows, recompute = false }: { rows?: Tensor; recompute?: boolean } = {},
): Tensor {
  const [batch, time] = ids.shape;
  const { cosine, sine } = rotaryTables(config, positionLimit);
  let x = gather(p['model.embed_tokens.weight'], reshape(ids, [-1]));
  for (let layer = 0; layer < config.layers; layer++) {
    const before = x;
    const prefix = `model.layers.${layer}`;
    const normed = rmsNorm(x, p[`${prefix}.input_layernorm.weight`], config.rmsEpsilon);
    const project = (name: string): Tensor =>
      reshape(linear(p, `${prefix}.self_attn.${name}_proj`, normed), [batch, time, -1]);
    const rotated = (name: string): Tensor => rotary(project(name), positions, cosine, sine);
    let attended = attention(layer, rotated('q'), rotated('k'), project('v'));
    if (rows && layer === config.layers - 1) [x, attended] = [gather(x, rows), gather(attended, rows)];
    x = add(x, linear(p, `${prefix}.self_attn.o_proj`, attended));
    const second = rmsNorm(x, p[`${prefix}.post_attention_layernorm.weight`], config.rmsEpsilon);
    const gated = mul(silu(linear(p, `${prefix}.mlp.gate_proj`, second)), linear(p, `${prefix}.mlp.up_proj`, second));
    x = add(x, linear(p, `${prefix}.mlp.down_proj`, gated));
    if (recompute) x = checkpoint(x, [before, ...parametersOf(p, prefix)]);
  }
  return rmsNorm(x, p['model.norm.weight'], config.rmsEpsilon);
}

function parametersOf(p: Traced, prefix: string): Tensor[] {
  return Object.entries(p).flatMap(([name, tensor]) => (name.startsWith(`${prefix}.`) ? [tensor] : []));
}

/** The output layer: [rows, hidden] → logits [rows, vocabulary]. */
export function outputLogits(config: ModelConfig, p: Traced, hidden: Tensor): Tensor {
  return matmul(hidden, outputTable(config, p), { transB: true });
}

/** The output layer's matrix [vocabulary, hidden]: the embeddings where they are tied. */
export function outputTable(config: ModelConfig, p: Traced): Tensor {
  return p[config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight'];
}

/** [batch, time, keyValueHeads · headDim] → [batch, keyValueHeads, time, headDim]: the layout of a KV cache. */
export function splitHeads(x: Tensor, { keyValueHeads, headDim }: ModelConfig): Tensor {
  const [batch, time] = x.shape;
  return transpose(reshape(x, [batch, time, keyValueHeads, headDim]), [0, 2, 1, 3]);
}

/**
 * Queries [batch, time, heads · headDim] on keys and values [batch, keyValueHeads, keys, headDim], with a bias [batch or 1, time or 1,
 * keys] added to the scores → [batch · time, heads · headDim].
 */
export function groupedAttention(
  config: ModelConfig,
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  bias: Tensor,
): Tensor {
  const { heads, keyValueHeads, headDim } = config;
  const [batch, time] = queries.shape;
  const length = keys.shape[2];
  const shared = heads / keyValueHeads;
  const q = transpose(reshape(queries, [batch, time, keyValueHeads, shared, headDim]), [0, 2, 3, 1, 4]);
  const rows = [batch, keyValueHeads, shared * time];
  const scores = matmul(reshape(q, [...rows, headDim]), keys, { transB: true, scale: 1 / Math.sqrt(headDim) });
  const biased = add(
    reshape(scores, [batch, keyValueHeads, shared, time, length]),
    reshape(bias, [bias.shape[0], 1, 1, bias.shape[1], length]),
  );
  const out = attend(reshape(biased, [...rows, length]), values);
  return reshape(transpose(reshape(out, [batch, keyValueHeads, shared, time, headDim]), [0, 3, 1, 2, 4]), [
    batch * time,
    heads * headDim,
  ]);
}

/** cos and sin of position · frequency: constants [positions, headDim / 2], rounded to float32 where Transformers rounds. */
export function rotaryTables(config: ModelConfig, positions: number): { cosine: Tensor; sine: Tensor } {
  const half = config.headDim / 2;
  const angles = new Float32Array(positions * half);
  for (const [i, frequency] of rotaryFrequencies(config).entries())
    for (let position = 0; position < positions; position++) angles[position * half + i] = position * frequency;
  const table = (of: (angle: number) => number): Tensor => constant(angles.map(of), [positions, half]);
  return { cosine: table(Math.cos), sine: table(Math.sin) };
}

/**
 * Random weights, a function of the seed: matrices with a deviation of .8/√fan-in, half of that where a block writes to the residual
 * stream, embeddings of unit length. Of the tables that were tried (docs/experiments.md), tied rows of length 1 learn to copy soonest;
 * with rows of length √hidden, or of .02, the loss stays on its plateau several times as long. Attention begins mimetic (`mimic`).
 */
export function initialParameters(config: ModelConfig, seed: number): Parameters {
  const parameters: Parameters = new Map(
    [...parameterShapes(config)].map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((n, d) => n * d, 1));
      if (name.endsWith('norm.weight')) data.fill(1);
      else if (!name.endsWith('bias')) fillNormal(data, new Random(seed, 'initial', name), deviationOf(name, shape));
      return [name, { shape, data }];
    }),
  );
  for (let layer = 0; layer < config.layers; layer++) mimic(parameters, config, layer);
  return parameters;
}

/**
 * Mimetic initialization (Trockman and Kolter 2023, arXiv 2305.09828, with the sign that they find in language models): a head's keys are
 * its queries, so that a token looks at tokens like itself, and what it writes is what it read (output = half of the value projection,
 * transposed). Copying from the context is then found in a third of the steps (docs/experiments.md, "Words that do not exist").
 */
function mimic(
  parameters: Parameters,
  { hiddenSize, heads, keyValueHeads, headDim }: ModelConfig,
  layer: number,
): void {
  const [queries, keys, values, output] = ['q', 'k', 'v', 'o'].map(
    (name) => (parameters.get(`model.layers.${layer}.self_attn.${name}_proj.weight`) as Parameter).data,
  );
  const ofHead = headDim * hiddenSize;
  for (let head = 0; head < heads; head++) {
    const shared = Math.floor((head * keyValueHeads) / heads);
    // Of the heads that share their keys, the last one's.
    keys.set(queries.subarray(head * ofHead, (head + 1) * ofHead), shared * ofHead);
    for (let d = 0; d < headDim; d++) {
      const value = (shared * headDim + d) * hiddenSize;
      const column = head * headDim + d;
      for (let i = 0; i < hiddenSize; i++) output[i * heads * headDim + column] = values[value + i] / 2;
    }
  }
}

function deviationOf(name: string, [, fanIn]: readonly number[]): number {
  if (name === 'model.embed_tokens.weight' || name === 'lm_head.weight') return 1 / Math.sqrt(fanIn);
  const writes = name.endsWith('o_proj.weight') || name.endsWith('down_proj.weight');
  return (writes ? 0.4 : 0.8) / Math.sqrt(fanIn);
}

function fillNormal(data: Float32Array, random: Random, deviation: number): void {
  for (let i = 0; i < data.length; i++) data[i] = random.normal(0, deviation);
}

/** A projection, with its bias and its adapter where there are such. */
function linear(p: Traced, name: string, x: Tensor): Tensor {
  const product = matmul(x, p[`${name}.weight`], { transB: true });
  const bias = p[`${name}.bias`];
  const sum = bias ? add(product, bias) : product;
  const { a, b } = adapterNames(name);
  return p[a] ? add(sum, matmul(matmul(x, p[a], { transB: true }), p[b], { transB: true })) : sum;
}
