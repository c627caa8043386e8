import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../lib/errors.ts';
import { rotaryFrequencies } from '../../lib/tensor/rotary.ts';
import { modelConfigJson, parameterShapes, parseModelConfig } from '../../lib/tensor/language-model-config.ts';

const llama = {
  model_type: 'llama',
  vocab_size: 512,
  hidden_size: 48,
  intermediate_size: 112,
  num_hidden_layers: 2,
  num_attention_heads: 4,
};
const parse = (more: object): ReturnType<typeof parseModelConfig> =>
  parseModelConfig({ ...llama, ...more }, 'config.json');

const llama3 = {
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};

describe('a config.json', () => {
  it('of few words has the defaults of Transformers', () => {
    expect(parse({})).toEqual({
      family: 'llama',
      vocabularySize: 512,
      hiddenSize: 48,
      intermediateSize: 112,
      layers: 2,
      heads: 4,
      keyValueHeads: 4,
      headDim: 12,
      ropeTheta: 10000,
      rmsEpsilon: 1e-6,
      tiedEmbeddings: false,
      attentionBias: false,
      maxPositions: 2048,
    });
  });

  it.each([
    ['rope_theta of earlier versions', { rope_theta: 5e5 }, 5e5],
    ['rope_theta, and no scaling', { rope_theta: 5e5, rope_scaling: null }, 5e5],
    ['rope_parameters', { rope_parameters: { rope_theta: 1e6, rope_type: 'default' } }, 1e6],
    ['rope_parameters before rope_theta', { rope_theta: 5e5, rope_parameters: { rope_theta: 1e6 } }, 1e6],
    ['scaling by nothing', { rope_theta: 5e5, rope_scaling: { type: 'default' } }, 5e5],
  ])('tells the base of rotary positions by %s', (_, more, theta) => {
    expect(parse(more).ropeTheta).toBe(theta);
  });

  it.each([
    ['plain', {}],
    ['with heads of their own width, shared', { head_dim: 20, num_key_value_heads: 2 }],
    ['with biases on attention', { attention_bias: true }],
    ['with biases everywhere', { attention_bias: true, mlp_bias: true }],
    ['with tied embeddings', { tie_word_embeddings: true }],
    ['with longer positions', { rope_scaling: { type: 'linear', factor: 2 } }],
    ['with longer positions of Llama 3.1', { rope_scaling: { rope_type: 'llama3', ...llama3 } }],
    ['of Qwen2', { model_type: 'qwen2', layer_types: ['full_attention', 'full_attention'], use_sliding_window: false }],
  ])('is written as it was read: %s', (_, more) => {
    const config = parse(more);
    expect(parseModelConfig(modelConfigJson(config), 'again')).toEqual(config);
  });

  it('decides which biases there are', () => {
    const biases = (more: object): string[] =>
      [...parameterShapes(parse(more)).keys()].filter((name) => name.includes('layers.1.') && name.endsWith('bias'));
    const attention = (names: string): string[] =>
      [...names].map((name) => `model.layers.1.self_attn.${name}_proj.bias`);
    const feedForward = ['gate', 'up', 'down'].map((name) => `model.layers.1.mlp.${name}_proj.bias`);
    expect(biases({})).toEqual([]);
    expect(biases({ model_type: 'qwen2' })).toEqual(attention('qkv'));
    expect(biases({ attention_bias: true })).toEqual(attention('qkvo'));
    expect(biases({ mlp_bias: true })).toEqual(feedForward);
  });

  it('tells how rotary positions are scaled, however it is written', () => {
    const linear = { type: 'linear', factor: 4 };
    expect(parse({ rope_theta: 1e4, rope_scaling: { type: 'linear', factor: 4 } }).ropeScaling).toEqual(linear);
    expect(parse({ rope_parameters: { rope_type: 'linear', factor: 4 } }).ropeScaling).toEqual(linear);
    expect(parse({ rope_theta: 5e5, rope_scaling: { rope_type: 'llama3', ...llama3 } }).ropeScaling).toEqual({
      type: 'llama3',
      factor: 8,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalPositions: 8192,
    });
  });

  it('gives frequencies by the formula of Transformers', () => {
    const scaled = parse({ head_dim: 64, rope_theta: 5e5, rope_scaling: { rope_type: 'llama3', ...llama3 } });
    // By the formula of transformers' _compute_llama3_parameters in NumPy's float32: short waves, the ones between, long waves.
    const known: [number, number][] = [
      [0, 1],
      [14, 0.0032114461064338684],
      [15, 0.0013718936825171113],
      [16, 0.0005248460220173001],
      [17, 0.0001785077911335975],
      [18, 7.784655463183299e-5],
      [31, 3.767322880321444e-7],
    ];
    const frequencies = rotaryFrequencies(scaled);
    for (const [i, frequency] of known) expect(Math.abs(frequencies[i] / frequency - 1), `${i}`).toBeLessThan(1e-6);

    const plain = rotaryFrequencies({ headDim: 64, ropeTheta: 1e4 });
    const linear = rotaryFrequencies({ headDim: 64, ropeTheta: 1e4, ropeScaling: { type: 'linear', factor: 4 } });
    expect(linear).toEqual(plain.map((frequency) => frequency / 4));
  });

  it.each([
    [{ rope_type: 'linear', factor: 3 }, 'rope_parameters and rope_scaling contradict each other'],
    [{ rope_type: 'linear' }, 'factor of rope type "linear" must be a positive number, it is undefined'],
    [
      { rope_type: 'llama3', ...llama3, low_freq_factor: '1' },
      'low_freq_factor of rope type "llama3" must be a positive',
    ],
    [{ rope_type: 'llama3', ...llama3, high_freq_factor: 1 }, 'low_freq_factor must be less than high_freq_factor'],
  ])('refuses scaling that says too little or contradicts itself: %j', (scaling, message) => {
    const rope_parameters = { rope_type: 'linear', factor: 2 };
    expect(() => parse({ rope_parameters, rope_scaling: scaling })).toThrow(message);
  });

  it.each(['dynamic', 'yarn', 'longrope'])(
    'with rotary positions scaled by %s is refused, however it is written',
    (type) => {
      const message = `config.json: rope type "${type}" is not supported. Take a model with one of: default, linear, llama3`;
      expect(() => parse({ rope_theta: 1e4, rope_scaling: { type, factor: 2 } })).toThrow(message);
      expect(() => parse({ rope_parameters: { rope_theta: 1e4, rope_type: type, factor: 2 } })).toThrow(message);
    },
  );

  it.each([
    [
      'an architecture that is not known',
      { model_type: 'mistral' },
      'config.json: model_type "mistral" is not supported. Take a model of a supported architecture: llama, qwen2',
    ],
    [
      'no architecture',
      { model_type: undefined, architectures: ['LlamaForCausalLM'] },
      'config.json: a config.json without model_type (architectures ["LlamaForCausalLM"]) is not supported. Take a model of a supported architecture: llama, qwen2',
    ],
    [
      'plain parameters beside scaled ones',
      { rope_parameters: { rope_type: 'default' }, rope_scaling: { rope_type: 'yarn', factor: 4 } },
      'config.json: rope type "yarn" is not supported',
    ],
    ['half-rotated heads', { partial_rotary_factor: 0.5 }, 'config.json: partial_rotary_factor 0.5 is not supported'],
    [
      'a base that is no number',
      { rope_theta: '1e4' },
      'config.json: rope_theta must be a positive number, it is "1e4"',
    ],
    [
      'a base beyond all numbers',
      { rope_theta: Number.POSITIVE_INFINITY },
      'config.json: rope_theta must be a positive number',
    ],
    [
      'parameters by kind of layer',
      { rope_parameters: { full_attention: { rope_theta: 1e4 }, sliding_attention: { rope_theta: 1e4 } } },
      'config.json: rope_parameters by kind of layer (full_attention) is not supported',
    ],
    ['parameters that are none', { rope_parameters: 7 }, 'config.json: rope_parameters must be an object, it is 7'],
    ['another activation', { hidden_act: 'gelu' }, 'config.json: hidden_act "gelu" is not supported'],
    [
      'a sliding window',
      { model_type: 'qwen2', use_sliding_window: true },
      'config.json: attention in a sliding window is not supported',
    ],
    [
      'a sliding window in one layer',
      { model_type: 'qwen2', layer_types: ['full_attention', 'sliding_attention'] },
      'config.json: attention in a sliding window is not supported',
    ],
    [
      'quantized weights',
      { quantization_config: { quant_method: 'gptq' } },
      'config.json: a quantized checkpoint is not supported. Take the float32, float16 or bfloat16 one',
    ],
    [
      'a missing size',
      { hidden_size: undefined },
      'config.json: hidden_size must be a positive number, it is undefined',
    ],
    ['a size in parts', { hidden_size: 48.5 }, 'config.json: hidden_size must be a whole number, it is 48.5'],
    ['an odd width of heads', { head_dim: 13 }, 'config.json: an odd head_dim (13) is not supported'],
    [
      'heads that cannot be shared',
      { num_key_value_heads: 3 },
      'config.json: num_attention_heads 4 is no multiple of num_key_value_heads 3',
    ],
  ])('with %s is refused in one sentence', (_, more, message) => {
    const read = (): unknown => parse(more);
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(message);
  });
});
