/** Everything that a folder written by the oracle's make.py settles. */
import type { Comparison } from './comparison.ts';
import {
  advantageComparisons,
  divergenceComparisons,
  experimentComparisons,
  rankingComparisons,
} from './method-comparisons.ts';
import { forwardComparisons, greedyComparisons } from './model-comparisons.ts';
import { samplingComparisons, tokenizerComparisons } from './text-comparisons.ts';
import { adamwComparisons, distillationComparisons, policyComparisons } from './training-comparisons.ts';

export const sections: Record<string, (folder: string) => Comparison[] | Promise<Comparison[]>> = {
  'forward pass (Transformers)': forwardComparisons,
  'greedy decoding (Transformers)': greedyComparisons,
  'tokenizer and chat template (tokenizers, Transformers)': tokenizerComparisons,
  'sampling filters (Transformers)': samplingComparisons,
  'advantages (TRL)': advantageComparisons,
  'policy losses and gradients (TRL)': policyComparisons,
  'AdamW (PyTorch)': adamwComparisons,
  'distillation losses and gradients (TRL)': distillationComparisons,
  'divergences, in plain numbers (TRL)': divergenceComparisons,
  'ranking metrics (ranx)': rankingComparisons,
  'experiment statistics (SciPy, statsmodels)': experimentComparisons,
};
