/** A language model as a Hugging Face folder: read, checked, and written so that Transformers loads it. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError, NumericsError } from '../errors.ts';
import { defaultShardBytes, writeCheckpoint } from '../store/checkpoint-files.ts';
import { asFloat32, asStored, type FloatDtype, readSafetensors, type StoredTensor } from '../store/safetensors.ts';
import { sizeOf } from './graph.ts';
import { type ModelConfig, modelConfigJson, parameterShapes, parseModelConfig } from './language-model-config.ts';
import type { Parameters } from './parameters.ts';
import { openTokenizer, type Tokenizer } from './tokenizer.ts';

/** A Llama or Qwen2 model in memory. Parameters have the names and shapes of `parameterShapes`. */
export interface LanguageModel {
  config: ModelConfig;
  /** float32, whatever the file holds. */
  parameters: Parameters;
  tokenizer: Tokenizer;
}

/**
 * Reads config.json, model.safetensors (or its shards) and the tokenizer. Throws CheckpointError, in one message, when the architecture
 * is unknown, weights are missing, left over or of another shape, or the tokenizer has more ids than the embedding table has rows.
 */
export function loadLanguageModel(folder: string): LanguageModel {
  const config = parseModelConfig(readConfig(folder), join(folder, 'config.json'));
  const tokenizer = openTokenizer(folder);
  if (tokenizer.vocabularySize > config.vocabularySize) {
    throw new CheckpointError({
      path: folder,
      problem: `its tokenizer has ${tokenizer.vocabularySize} ids, its embedding table ${config.vocabularySize} rows`,
      remedy: 'take the tokenizer that the model was trained with',
    });
  }
  const special = {
    eos_token_id: tokenizer.stopIds,
    bos_token_id: [tokenizer.beginId],
    pad_token_id: [tokenizer.padId],
  };
  for (const [name, ids] of Object.entries(special)) {
    const outside = ids.find((id) => id !== undefined && id >= config.vocabularySize);
    if (outside !== undefined)
      throw new CheckpointError({
        path: folder,
        problem: `${name} ${outside} is outside its embedding table of ${config.vocabularySize} rows`,
        remedy: 'correct it in generation_config.json or config.json',
      });
  }
  const stored = readSafetensors(folder);
  checkWeights(stored, config, folder);
  const parameters: Parameters = new Map();
  for (const [name, shape] of parameterShapes(config)) {
    parameters.set(name, { shape, data: asFloat32(stored.get(name) as StoredTensor, name, folder) });
    stored.delete(name);
  }
  if (config.tiedEmbeddings) checkTied(stored.get('lm_head.weight'), parameters, folder);
  return { config, parameters, tokenizer };
}

export interface SaveSettings {
  dtype: FloatDtype;
  /** Of one file of weights at most: above it they are written as shards with an index. Default: 2 GB. */
  maxShardBytes?: number;
}

/**
 * Writes config.json, generation_config.json, tokenizer.json, tokenizer_config.json, chat_template.jinja where the model has one, and
 * model.safetensors (or its shards) in `dtype`. Equal models give equal bytes. Throws NumericsError, naming it, for a weight that is not
 * finite in `dtype`, before anything is written.
 */
export function saveLanguageModel(model: LanguageModel, folder: string, settings: SaveSettings): void {
  const { config, parameters, tokenizer } = model;
  const { dtype, maxShardBytes = defaultShardBytes } = settings;
  const shapes = parameterShapes(config);
  const stored = (name: string): StoredTensor => {
    const parameter = parameters.get(name);
    if (!parameter) throw new RangeError(`the model has no ${name}`);
    return asStored(shapes.get(name) as number[], parameter.data, dtype);
  };
  for (const name of shapes.keys()) {
    if (!asFloat32(stored(name), name, folder).every(Number.isFinite)) {
      throw new NumericsError(
        `${name} holds numbers that are not finite in ${dtype}: nothing was written to ${folder}`,
      );
    }
  }
  const ids = {
    bos_token_id: tokenizer.beginId ?? null,
    eos_token_id: tokenizer.stopIds.length === 1 ? tokenizer.stopIds[0] : tokenizer.stopIds,
    pad_token_id: tokenizer.padId ?? null,
  };
  const { files } = tokenizer;
  const json: Record<string, unknown> = {
    'config.json': modelConfigJson(config, { ...ids, dtype: dtypeNames[dtype], torch_dtype: dtypeNames[dtype] }),
    'generation_config.json': { ...files.generation, ...ids },
    'tokenizer.json': files.tokenizer,
    'tokenizer_config.json': tokenizerConfig(model),
  };
  mkdirSync(folder, { recursive: true });
  for (const [name, value] of Object.entries(json))
    writeFileSync(join(folder, name), `${JSON.stringify(value, null, 1)}\n`);
  // One that lies there from before would be taken for this model's.
  rmSync(join(folder, 'chat_template.jinja'), { force: true });
  if (files.chatTemplate !== null) writeFileSync(join(folder, 'chat_template.jinja'), files.chatTemplate);
  const width = dtype === 'F32' ? 4 : 2;
  const bytes = new Map(Array.from(shapes, ([name, shape]) => [name, width * sizeOf(shape)]));
  writeCheckpoint(folder, { bytes, tensor: stored, maxShardBytes });
}

const dtypeNames: Record<FloatDtype, string> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/** Buffers that older Transformers versions saved beside the weights, and that follow from the config. */
const derivedBuffers = /\.rotary_emb\.inv_freq$/;

function checkWeights(stored: ReadonlyMap<string, StoredTensor>, config: ModelConfig, folder: string): void {
  const expected = parameterShapes(config);
  const isCopy = (name: string): boolean => config.tiedEmbeddings && name === 'lm_head.weight';
  const missing = [...expected.keys()].filter((name) => !stored.has(name));
  const extra = [...stored.keys()].filter((name) => !expected.has(name) && !derivedBuffers.test(name) && !isCopy(name));
  const misshaped = [...expected].flatMap(([name, shape]) => {
    const found = stored.get(name)?.shape;
    return found && found.join() !== shape.join()
      ? [`${name} is [${found.join()}] and should be [${shape.join()}]`]
      : [];
  });
  const problems = [
    ...(missing.length > 0 ? [`${missing.length} weights are missing (${some(missing)})`] : []),
    ...(extra.length > 0 ? [`${extra.length} weights are not of this architecture (${some(extra)})`] : []),
    ...(misshaped.length > 0 ? [`${misshaped.length} weights have another shape (${some(misshaped)})`] : []),
  ];
  if (problems.length > 0) {
    throw new CheckpointError({
      path: folder,
      problem: `its weights do not fit its config.json: ${problems.join('; ')}`,
      remedy: 'config.json and model.safetensors must come from one model',
    });
  }
}

/** Transformers leaves two different tables untied, whatever the config says: which model is meant is not to be guessed. */
function checkTied(head: StoredTensor | undefined, parameters: Parameters, folder: string): void {
  const table = parameters.get('model.embed_tokens.weight');
  if (head === undefined || table === undefined) return;
  const isEqual =
    head.shape.join() === table.shape.join() &&
    Buffer.compare(bytesOf(asFloat32(head, 'lm_head.weight', folder)), bytesOf(table.data as Float32Array)) === 0;
  if (!isEqual)
    throw new CheckpointError({
      path: folder,
      problem: 'tie_word_embeddings is true, but its lm_head.weight is not its model.embed_tokens.weight',
      remedy: 'set tie_word_embeddings to false in config.json to keep both, or take lm_head.weight out of the weights',
    });
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function some(names: readonly string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} …`;
}

function tokenizerConfig({ config, tokenizer }: LanguageModel): Record<string, unknown> {
  const { config: original, tokenizer: json } = tokenizer.files;
  const added = (json as { added_tokens?: { id: number; content: string }[] }).added_tokens ?? [];
  const named = (id: number | undefined): string | undefined => added.find((token) => token.id === id)?.content;
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
    model_max_length: config.maxPositions,
    bos_token: named(tokenizer.beginId),
    eos_token: named(tokenizer.stopIds[0]),
    pad_token: named(tokenizer.padId),
    ...original,
  };
}

function readConfig(folder: string): unknown {
  const path = join(folder, 'config.json');
  if (!existsSync(path)) throw new CheckpointError({ path: folder, problem: 'it has no config.json' });
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new CheckpointError({ path, problem: 'it is not JSON', cause });
  }
}
