/** A language model as one folder that Transformers, transformers.js and onnxruntime-genai load as it is. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LanguageModel, type SaveSettings, saveLanguageModel } from './language-model.ts';
import { writeOnnxModel } from './onnx-export.ts';

/** Where transformers.js looks for it. */
const onnxFile = 'onnx/model.onnx';

/**
 * The Hugging Face folder of `saveLanguageModel`; with `onnx`, the model as onnx/model.onnx (float32, with KV cache) and genai_config.json
 * beside it. `largestFile`: bytes of weights above which the ONNX file has a data file beside it.
 */
export function publishLanguageModel(
  model: LanguageModel,
  folder: string,
  { onnx, largestFile, ...save }: SaveSettings & { onnx: boolean; largestFile?: number },
): void {
  saveLanguageModel(model, folder, save);
  if (!onnx) return;
  const { hasDataFile } = writeOnnxModel(model, join(folder, onnxFile), { largestFile });
  writeJson(join(folder, 'genai_config.json'), genaiConfig(model));
  if (!hasDataFile) return;
  const path = join(folder, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeJson(path, { ...config, 'transformers.js_config': { use_external_data_format: true } });
}

/** What onnxruntime-genai is told of the model: names of ports as onnx-export.ts writes them, greedy search by default. */
function genaiConfig({ config, tokenizer }: LanguageModel): object {
  const [end] = tokenizer.stopIds;
  return {
    model: {
      type: config.family,
      vocab_size: config.vocabularySize,
      context_length: config.maxPositions,
      bos_token_id: tokenizer.beginId ?? end,
      eos_token_id: tokenizer.stopIds.length === 1 ? end : tokenizer.stopIds,
      pad_token_id: tokenizer.padId ?? end,
      decoder: {
        filename: onnxFile,
        session_options: { provider_options: [] },
        hidden_size: config.hiddenSize,
        head_size: config.headDim,
        num_attention_heads: config.heads,
        num_key_value_heads: config.keyValueHeads,
        num_hidden_layers: config.layers,
        inputs: {
          input_ids: 'input_ids',
          attention_mask: 'attention_mask',
          position_ids: 'position_ids',
          past_key_names: 'past_key_values.%d.key',
          past_value_names: 'past_key_values.%d.value',
        },
        outputs: {
          logits: 'logits',
          present_key_names: 'present.%d.key',
          present_value_names: 'present.%d.value',
        },
      },
    },
    search: {
      max_length: config.maxPositions,
      do_sample: false,
      num_beams: 1,
      // The cache grows by concatenation: its buffers cannot be the same before and after.
      past_present_share_buffer: false,
    },
  };
}

function writeJson(path: string, value: object): void {
  writeFileSync(path, `${JSON.stringify(value, null, 1)}\n`);
}
