/** The committed base models: their sizes, and the corpus they were trained on. models/pretrained.json names the commits that made each. */
import type { PretrainPlan } from './pretrain.ts';

/** All sizes see as many examples: what capacity does is not what more training does. But the smallest finds out later how to copy. */
const steps = {
  repeat: 600,
  copy: 300,
  name: 500,
  list: 2400,
  casual: 300,
  'list-2': 1200,
  'casual-2': 200,
  'list-3': 3000,
  'casual-3': 200,
  'list-4': 1200,
  'casual-4': 200,
} as const;

/** Worlds 101 to 112: no profile, test or claim uses them. */
export const baseModels: PretrainPlan = {
  seed: 1,
  worlds: [101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112],
  readersPerWorld: 4000,
  vocabularySize: 2560,
  maxPromptTokens: 192,
  batch: 32,
  models: [
    {
      name: 'base-xs',
      hidden: 64,
      layers: 2,
      heads: 4,
      intermediate: 176,
      learningRate: 8e-3,
      steps: { ...steps, repeat: 1000 },
    },
    { name: 'base-s', hidden: 96, layers: 3, heads: 4, intermediate: 256, learningRate: 6e-3, steps },
    { name: 'base-m', hidden: 112, layers: 4, heads: 4, intermediate: 304, learningRate: 5.5e-3, steps },
    { name: 'base-l', hidden: 144, layers: 4, heads: 4, intermediate: 384, learningRate: 5e-3, steps },
    { name: 'base-xl', hidden: 192, layers: 4, heads: 6, intermediate: 512, learningRate: 3e-3, steps },
  ],
};
