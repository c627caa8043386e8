/** The committed base models: their sizes, and the corpus they were trained on. `newshound pretrain` reproduces models/ from this. */
import type { PretrainPlan } from './pretrain.ts';

/** Worlds 101 to 106: no profile, test or claim uses them. */
export const baseModels: PretrainPlan = {
  seed: 1,
  worlds: [101, 102, 103, 104, 105, 106],
  readersPerWorld: 2500,
  vocabularySize: 2560,
  maxPromptTokens: 160,
  models: [
    {
      name: 'base-xs',
      hidden: 64,
      layers: 2,
      heads: 4,
      intermediate: 176,
      batch: 32,
      copySteps: 500,
      labelSteps: 1000,
      learningRate: 4e-3,
    },
    {
      name: 'base-s',
      hidden: 96,
      layers: 3,
      heads: 4,
      intermediate: 256,
      batch: 32,
      copySteps: 800,
      labelSteps: 1800,
      learningRate: 3e-3,
    },
    {
      name: 'base-l',
      hidden: 144,
      layers: 4,
      heads: 4,
      intermediate: 384,
      batch: 32,
      copySteps: 800,
      labelSteps: 2000,
      learningRate: 3e-3,
    },
    {
      name: 'base-m',
      hidden: 120,
      layers: 3,
      heads: 4,
      intermediate: 320,
      batch: 32,
      copySteps: 600,
      labelSteps: 1200,
      learningRate: 3e-3,
    },
  ],
};
