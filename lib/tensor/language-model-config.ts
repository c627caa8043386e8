/** The shape of a Llama or Qwen2 model: read from and written to the config.json of Hugging Face Transformers. */
import { isDeepStrictEqual } from 'node:util';
import { CheckpointError } from '../errors.ts';
import type { RopeScaling, RotaryConfig } from './rotary.ts';

export interface ModelConfig extends RotaryConfig {
  family: 'llama' | 'qwen2';
  /** Rows of the embedding table; a tokenizer may use fewer. */
  vocabularySize: number;
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  /** A divisor of `heads`: each key-value head serves heads / keyValueHeads query heads. */
  keyValueHeads: number;
  rmsEpsilon: number;
  /** The output layer is the embedding table. */
  tiedEmbeddings: boolean;
  /** Biases on the query, key and value projections (Qwen2, and Llama's attention_bias). */
  attentionBias: boolean;
  /** A bias on the projection that attention ends with (Llama's attention_bias). Default: none. */
  outputBias?: boolean;
  /** Biases on the three projections of the feed-forward part (Llama's mlp_bias). Default: none. */
  mlpBias?: boolean;
  maxPositions: number;
}

/** The config of a config.json. Throws CheckpointError, naming the key, for what we do not compute. */
export function parseModelConfig(json: unknown, path: string): ModelConfig {
  if (typeof json !== 'object' || json === null)
    throw new CheckpointError({ path, problem: 'it is not a JSON object' });
  const source = json as Record<string, unknown>;
  const family = source.model_type;
  if (family !== 'llama' && family !== 'qwen2') {
    throw unsupported(path, architectureName(source), 'Take a model of a supported architecture: llama, qwen2');
  }
  const number = (key: string, fallback?: number): number => {
    const value = source[key] ?? fallback;
    if (isPositive(value)) return value;
    throw new CheckpointError({
      path,
      problem: `${key} must be a positive number, it is ${JSON.stringify(source[key])}`,
    });
  };
  const size = (key: string, fallback?: number): number => {
    const value = number(key, fallback);
    if (Number.isInteger(value)) return value;
    throw new CheckpointError({ path, problem: `${key} must be a whole number, it is ${value}` });
  };
  const heads = size('num_attention_heads');
  const config: ModelConfig = {
    family,
    vocabularySize: size('vocab_size'),
    hiddenSize: size('hidden_size'),
    intermediateSize: size('intermediate_size'),
    layers: size('num_hidden_layers'),
    heads,
    keyValueHeads: size('num_key_value_heads', heads),
    headDim: size('head_dim', Math.floor(size('hidden_size') / heads)),
    ...rope(source, path),
    rmsEpsilon: number('rms_norm_eps', 1e-6),
    tiedEmbeddings: flag(source, 'tie_word_embeddings', path),
    attentionBias: family === 'qwen2' || source.attention_bias === true,
    ...(family === 'llama' && source.attention_bias === true ? { outputBias: true } : {}),
    ...(family === 'llama' && source.mlp_bias === true ? { mlpBias: true } : {}),
    maxPositions: size('max_position_embeddings', family === 'qwen2' ? 32_768 : 2048),
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
  const scaling = scalingJson(config.ropeScaling);
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
    rope_parameters: { rope_theta: config.ropeTheta, ...scaling },
    // Of versions before 5.
    ...(config.ropeScaling === undefined ? {} : { rope_scaling: scaling }),
    tie_word_embeddings: config.tiedEmbeddings,
    ...(family === 'llama'
      ? { attention_bias: config.attentionBias, mlp_bias: config.mlpBias === true }
      : { use_sliding_window: false }),
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
    shapes.push([`${attention}.o_proj.weight`, [d, queries]]);
    if (config.outputBias) shapes.push([`${attention}.o_proj.bias`, [d]]);
    shapes.push([`${prefix}.post_attention_layernorm.weight`, [d]]);
    for (const [name, width, from] of [
      ['gate', ff, d],
      ['up', ff, d],
      ['down', d, ff],
    ] as const) {
      shapes.push([`${prefix}.mlp.${name}_proj.weight`, [width, from]]);
      if (config.mlpBias) shapes.push([`${prefix}.mlp.${name}_proj.bias`, [width]]);
    }
  }
  shapes.push(['model.norm.weight', [d]]);
  if (!config.tiedEmbeddings) shapes.push(['lm_head.weight', [config.vocabularySize, d]]);
  return new Map(shapes);
}

/** The two matrices of a projection's adapter (lora.ts), as PEFT names them: A [rank, in], B [out, rank]. */
export function adapterNames(projection: string): { a: string; b: string } {
  return { a: `${projection}.lora_A.weight`, b: `${projection}.lora_B.weight` };
}

/** Transformers 5 writes rope_parameters, earlier versions rope_theta and, for scaled positions, rope_scaling. */
function rope(source: Record<string, unknown>, path: string): Pick<RotaryConfig, 'ropeTheta' | 'ropeScaling'> {
  const [parameters, scaling] = ['rope_parameters', 'rope_scaling'].map((key) => {
    const rope = source[key] ?? {};
    if (typeof rope !== 'object' || Array.isArray(rope))
      throw new CheckpointError({ path, problem: `${key} must be an object, it is ${JSON.stringify(rope)}` });
    return rope as Record<string, unknown>;
  });
  for (const [kind, rope] of Object.entries(parameters))
    if (typeof rope === 'object' && rope !== null)
      throw unsupported(path, `rope_parameters by kind of layer (${kind})`, 'Take a model with one set for all layers');
  const [ropeScaling, other] = [parameters, scaling].flatMap((one) => scalingOf(one, path) ?? []);
  if (other !== undefined && !isDeepStrictEqual(ropeScaling, other))
    throw new CheckpointError({ path, problem: 'rope_parameters and rope_scaling contradict each other' });
  for (const where of [source, parameters]) {
    const share = where.partial_rotary_factor ?? 1;
    if (share !== 1) throw unsupported(path, `partial_rotary_factor ${JSON.stringify(share)}`);
  }
  const theta = parameters.rope_theta ?? scaling.rope_theta ?? source.rope_theta ?? 10000;
  if (!isPositive(theta))
    throw new CheckpointError({
      path,
      problem: `rope_theta must be a positive number, it is ${JSON.stringify(theta)}`,
    });
  return { ropeTheta: theta, ...(ropeScaling === undefined ? {} : { ropeScaling }) };
}

/** Null for plain positions. */
function scalingOf(source: Record<string, unknown>, path: string): RopeScaling | null {
  const type = source.rope_type ?? source.type ?? 'default';
  const number = (key: string): number => {
    const value = source[key];
    if (isPositive(value)) return value;
    const problem = `${key} of rope type ${JSON.stringify(type)} must be a positive number, it is ${JSON.stringify(value)}`;
    throw new CheckpointError({ path, problem });
  };
  if (type === 'default') return null;
  if (type === 'linear') return { type, factor: number('factor') };
  if (type !== 'llama3')
    throw unsupported(path, `rope type ${JSON.stringify(type)}`, 'Take a model with one of: default, linear, llama3');
  const scaling = {
    type,
    factor: number('factor'),
    lowFrequencyFactor: number('low_freq_factor'),
    highFrequencyFactor: number('high_freq_factor'),
    originalPositions: number('original_max_position_embeddings'),
  } as const;
  if (scaling.lowFrequencyFactor >= scaling.highFrequencyFactor)
    throw new CheckpointError({ path, problem: 'low_freq_factor must be less than high_freq_factor' });
  return scaling;
}

function scalingJson(scaling: RopeScaling | undefined): Record<string, unknown> {
  if (scaling === undefined) return { rope_type: 'default' };
  if (scaling.type === 'linear') return { rope_type: 'linear', factor: scaling.factor };
  return {
    rope_type: 'llama3',
    factor: scaling.factor,
    low_freq_factor: scaling.lowFrequencyFactor,
    high_freq_factor: scaling.highFrequencyFactor,
    original_max_position_embeddings: scaling.originalPositions,
  };
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && Number.isFinite(value);
}

function flag(source: Record<string, unknown>, key: string, path: string): boolean {
  const value = source[key] ?? false;
  if (typeof value === 'boolean') return value;
  throw new CheckpointError({ path, problem: `${key} must be true or false, it is ${JSON.stringify(value)}` });
}

function refuseUnsupported(source: Record<string, unknown>, config: ModelConfig, path: string): void {
  const activation = source.hidden_act ?? 'silu';
  if (activation !== 'silu' && activation !== 'swish')
    throw unsupported(path, `hidden_act ${JSON.stringify(activation)}`, 'Take a model with "silu"');
  const layerTypes = Array.isArray(source.layer_types) ? source.layer_types : [];
  if (source.use_sliding_window === true || layerTypes.some((type) => type !== 'full_attention'))
    throw unsupported(path, 'attention in a sliding window', 'Take a model that attends to all positions');
  if (source.quantization_config)
    throw unsupported(path, 'a quantized checkpoint', 'Take the float32, float16 or bfloat16 one');
  if (config.heads % config.keyValueHeads !== 0) {
    throw new CheckpointError({
      path,
      problem: `num_attention_heads ${config.heads} is no multiple of num_key_value_heads ${config.keyValueHeads}`,
    });
  }
  if (config.headDim % 2 !== 0) throw unsupported(path, `an odd head_dim (${config.headDim})`);
}

/** As its config.json names it. */
function architectureName({ model_type: type, architectures }: Record<string, unknown>): string {
  if (type !== undefined) return `model_type ${JSON.stringify(type)}`;
  return `a config.json without model_type (architectures ${JSON.stringify(architectures ?? [])})`;
}

function unsupported(path: string, what: string, remedy = 'Take another model'): CheckpointError {
  return new CheckpointError({ path, problem: `${what} is not supported`, remedy });
}
