import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { namedModel } from '../../activities/models.ts';
import { ConfigError } from '../../lib/errors.ts';
import { resolveSettings } from '../../lib/pipeline/settings.ts';

const root = join(import.meta.dirname, '../..');
const models = join(root, 'models');
const llama = join(root, 'tests/oracle/data/models/llama');
const { rollout } = resolveSettings([]).teacher;

describe('a model that settings name', () => {
  it('is a committed base model, or a Hugging Face folder', () => {
    expect(namedModel('base-xs', models, rollout).config.family).toBe('llama');
    const folder = mkdtempSync(join(tmpdir(), 'named-model-'));
    cpSync(llama, folder, { recursive: true });
    const config = JSON.parse(readFileSync(join(llama, 'config.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, max_position_embeddings: 240 }));
    expect(rollout.maxPromptTokens + rollout.maxListTokens).toBe(240);
    expect(namedModel(folder, models, rollout).config.maxPositions).toBe(240);
  });

  it.each([
    ['that is nowhere', 'base-xxl', /there is no model "base-xxl": neither in .*models, nor/],
    [
      'whose positions are too few for prompts and lists',
      llama,
      /has 128 positions, teacher\.rollout wants prompts of 192 tokens and lists of 48\. Lower maxPromptTokens or maxListTokens/,
    ],
  ])('and %s is refused before anything is trained', (_, name, message) => {
    const open = (): unknown => namedModel(name, models, rollout);
    expect(open).toThrow(ConfigError);
    expect(open).toThrow(message);
  });
});
