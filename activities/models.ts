/** Language models between the store and folders. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError } from '../lib/errors.ts';
import { modelFolder } from '../lib/pipeline/outside.ts';
import type { RolloutSettings } from '../lib/pipeline/policy-settings.ts';
import type { Artifacts } from '../lib/store/artifacts.ts';
import type { MadeBy, Ref } from '../lib/store/ref.ts';
import { type LanguageModel, loadLanguageModel, saveLanguageModel } from '../lib/tensor/language-model.ts';

/** Stores a model as a Hugging Face folder, float32. */
export async function saveModel(artifacts: Artifacts, model: LanguageModel, madeBy: MadeBy): Promise<Ref<'model'>> {
  const folder = await mkdtemp(join(tmpdir(), 'newshound-model-'));
  try {
    saveLanguageModel(model, folder, { dtype: 'F32' });
    const names = await readdir(folder);
    return await artifacts.put(
      'model',
      Object.fromEntries(names.map((name) => [name, { path: join(folder, name) }])),
      madeBy,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * A committed base model by name, or a Hugging Face folder by path, for prompts and lists as long as the settings say. Throws
 * ConfigError, CheckpointError.
 */
export function namedModel(name: string, modelsFolder: string, rollout: RolloutSettings): LanguageModel {
  const model = loadLanguageModel(folderOfModel(name, modelsFolder));
  const { maxPromptTokens, maxListTokens } = rollout;
  if (maxPromptTokens + maxListTokens > model.config.maxPositions) {
    throw new ConfigError(
      `model "${name}" has ${model.config.maxPositions} positions, teacher.rollout wants prompts of ${maxPromptTokens} tokens and lists of ${maxListTokens}. Lower maxPromptTokens or maxListTokens, or take another model`,
    );
  }
  return model;
}

/** The folder of a model that the settings name. Throws ConfigError where it holds none. */
export function folderOfModel(name: string, modelsFolder: string): string {
  const folder = resolve(modelFolder(name, modelsFolder));
  if (existsSync(join(folder, 'config.json'))) return folder;
  throw new ConfigError(
    `there is no model "${name}": neither in ${modelsFolder}, nor is it a folder with a config.json. Name a base model or a Hugging Face folder`,
  );
}
