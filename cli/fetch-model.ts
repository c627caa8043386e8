/** `newshound fetch-model`: a Hugging Face model into a folder, to be named as teacher or student. */
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { CheckpointError } from '../lib/errors.ts';
import { fetchModel } from '../lib/store/hub.ts';
import { parseModelConfig } from '../lib/tensor/language-model-config.ts';

/** Reads HF_ENDPOINT and HF_TOKEN of the environment. Throws what `fetchModel` throws, and CheckpointError for a model that is not supported. */
export async function fetchInto(
  model: string,
  { folder, revision }: { folder?: string; revision: string },
  env: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Promise<void> {
  const target = resolve(folder ?? basename(model));
  const hub = {
    endpoint: (env['HF_ENDPOINT'] || 'https://huggingface.co').replace(/\/+$/, ''),
    token: env['HF_TOKEN'],
  };
  const { commit, files, bytes } = await fetchModel({ model, revision, folder: target }, hub, say, (path) => {
    parseModelConfig(readJson(path), path);
  });
  say(
    `${model} at ${commit.slice(0, 12)} is in ${target}: ${files} files, ${(bytes / 1e6).toFixed(1)} MB fetched. Use it: --set warmstart.teacher=${target}`,
  );
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new CheckpointError({ path, problem: 'it is not JSON', cause });
  }
}
