/** The shape of a Llama or Qwen2 model: read from and written to the config.json of Hugging Face Transformers. */
import { CheckpointError } from '../errors.ts';

export interface ModelConfig {
  family: 'llama' | 'qwen2';
  /** Rows of the embedding table; a tokenizer may use fewer. */
  vocabularySize: number;
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  /** A divisor of `heads`: each key-value head serves heads / keyValueHeads query heads. */
  keyValueHeads: number;
  headDim: number;
  ropeTheta: number;
  rmsEpsilon: number;
  /** The output layer is the embedding table. */
  tiedEmbeddings: boolean;
  /** Biases on the query, key and value projections (Qwen2). */
  attentionBias: boolean;
  maxPositions: number;
}

/** The config of a config.json. Throws CheckpointError, naming the key, for what we do not compute. */
export function parseModelConfig(json: unknown, path: string): ModelConfig {
  if (typeof json !== 'object' || json === null)
    throw new CheckpointError({ path, problem: 'it is not a JSON object' });
  const source = json as Record<string, unknown>;
  const family = source.model_type;
  if (family !== 'llama' && family !== 'qwen2') {
    throw unsupported(path, `model_type ${JSON.stringify(family)}`, 'take a Llama or Qwen2 model');
  }
  const number = (key: string, fallback?: number): number => {
    const value = source[key] ?? fallback;
    if (typeof value === 'number' && value > 0) return value;
    throw new CheckpointError({
      path,
      problem: `${key} must be a positive number, it is ${JSON.stringify(source[key])}`,
    });
  };
  const heads = number('num_attention_heads');
  const config: ModelConfig = {
    family,
    vocabularySize: number('vocab_size'),
    hiddenSize: number('hidden_size'),
    intermediateSize: number('intermediate_size'),
    layers: number('num_hidden_layers'),
    heads,
    keyValueHeads: number('num_key_value_heads', heads),
    headDim: number('head_dim', Math.floor(number('hidden_size') / heads)),
    ropeTheta: ropeTheta(source, path),
    rmsEpsilon: number('rms_norm_eps', 1e-6),
    tiedEmbeddings: source.tie_word_embeddings === true,
    attentionBias: family === 'qwen2',
    maxPositions: number('max_position_embeddings', 2048),
  };
  refuseUnsupported(source, config, path);
  return config;
}

/** The config.json that Transformers reads. Special token ids and the like may be given in `more`. */
export function modelConfigJson(
  config: ModelConfig,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const { family } = config;
  return {
    architectures: [family === 'llama' ? 'LlamaForCausalLM' : 'Qwen2ForCausalLM'],
    model_type: family,
    vocab_size: config.vocabularySize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headDim,
    hidden_act: 'silu',
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsEpsilon,
    rope_theta: config.ropeTheta,
    rope_parameters: { rope_theta: config.ropeTheta, rope_type: 'default' },
    tie_word_embeddings: config.tiedEmbeddings,
    ...(family === 'llama' ? { attention_bias: false, mlp_bias: false } : { use_sliding_window: false }),
    attention_dropout: 0,
    use_cache: true,
    ...more,
  };
}

/** Names and shapes of all weights, as Transformers names them, in a fixed order. */
export function parameterShapes(config: ModelConfig): Map<string, number[]> {
  const { hiddenSize: d, intermediateSize: ff } = config;
  const queries = config.heads * config.headDim;
  const keys = config.keyValueHeads * config.headDim;
  const shapes: [string, number[]][] = [['model.embed_tokens.weight', [config.vocabularySize, d]]];
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const attention = `${prefix}.self_attn`;
    shapes.push([`${prefix}.input_layernorm.weight`, [d]]);
    for (const [name, width] of [
      ['q', queries],
      ['k', keys],
      ['v', keys],
    ] as const) {
      shapes.push([`${attention}.${name}_proj.weight`, [width, d]]);
      if (config.attentionBias) shapes.push([`${attention}.${name}_proj.bias`, [width]]);
    }
    shapes.push(
      [`${attention}.o_proj.weight`, [d, queries]],
      [`${prefix}.post_attention_layernorm.weight`, [d]],
      [`${prefix}.mlp.gate_proj.weight`, [ff, d]],
      [`${prefix}.mlp.up_proj.weight`, [ff, d]],
      [`${prefix}.mlp.down_proj.weight`, [d, ff]],
    );
  }
  shapes.push(['model.norm.weight', [d]]);
  if (!config.tiedEmbeddings) shapes.push(['lm_head.weight', [config.vocabularySize, d]]);
  return new Map(shapes);
}

/** Transformers 5 writes rope_parameters, earlier versions rope_theta and rope_scaling. */
function ropeTheta(source: Record<string, unknown>, path: string): number {
  const rope = (source.rope_parameters ?? source.rope_scaling ?? {}) as Record<string, unknown>;
  const type = rope.rope_type ?? rope.type ?? 'default';
  if (type !== 'default')
    throw unsupported(path, `rope type ${JSON.stringify(type)}`, 'take a model with plain rotary embeddings');
  const theta = rope.rope_theta ?? source.rope_theta ?? 10000;
  if (typeof theta === 'number' && theta > 0) return theta;
  throw new CheckpointError({ path, problem: `rope_theta must be a positive number, it is ${JSON.stringify(theta)}` });
}

function refuseUnsupported(source: Record<string, unknown>, config: ModelConfig, path: string): void {
  if ((source.hidden_act ?? 'silu') !== 'silu')
    throw unsupported(path, `hidden_act ${JSON.stringify(source.hidden_act)}`);
  for (const key of ['attention_bias', 'mlp_bias', 'use_sliding_window']) {
    if (source[key] === true) throw unsupported(path, `${key} = true`);
  }
  if (config.heads % config.keyValueHeads !== 0) {
    throw new CheckpointError({
      path,
      problem: `num_attention_heads ${config.heads} is no multiple of num_key_value_heads ${config.keyValueHeads}`,
    });
  }
  if (config.headDim % 2 !== 0) throw unsupported(path, `an odd head_dim (${config.headDim})`);
}

function unsupported(path: string, what: string, remedy = 'take another model'): CheckpointError {
  return new CheckpointError({ path, problem: `${what} is not supported`, remedy });
}
