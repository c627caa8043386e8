/** Supervised training on prompt and list pairs: pretraining, warm start and supervised distillation are this loop with other data. */
import { NumericsError } from '../errors.ts';
import { createSupervised, type LearnerSettings, type SupervisedExample } from '../tensor/learner.ts';
import type { LanguageModel } from '../tensor/language-model.ts';

export interface SupervisedPlan {
  /** For errors: what is trained, and all that its batches follow from. */
  name: string;
  steps: number;
  learningRate: number;
  warmupSteps: number;
  weightDecay: number;
  threads: number;
  memory?: Omit<LearnerSettings, 'adamw' | 'threads'>;
  /** The batch of a step: a pure function of its number. */
  batch: (step: number) => SupervisedExample[];
  report?: (step: number, loss: number, tokens: number) => void;
}

/** Warm-up, then a cosine to a tenth: the usual schedule. */
export function cosineRate(peak: number, step: number, steps: number, warmupSteps: number): number {
  const warm = Math.min(1, (step + 1) / Math.max(1, warmupSteps));
  return peak * warm * (0.1 + 0.45 * (1 + Math.cos((Math.PI * step) / steps)));
}

/** A gradient norm that no step of a sound run comes near. */
export const EXPLODED = 1000;

/** Trains the model in place; returns the mean loss (nats a token) of the last tenth of the steps. */
export async function trainSupervised(
  model: LanguageModel,
  plan: SupervisedPlan,
): Promise<{ loss: number; tokens: number }> {
  if (plan.steps === 0) return { loss: Number.NaN, tokens: 0 };
  const learner = await createSupervised(model, {
    threads: plan.threads,
    ...plan.memory,
    adamw: {
      betas: [0.9, 0.98],
      epsilon: 1e-8,
      weightDecay: plan.weightDecay,
      gradientNorm: 1,
      gradientLimit: EXPLODED,
    },
  });
  let tokens = 0;
  const last: number[] = [];
  try {
    for (let step = 0; step < plan.steps; step++) {
      const examples = plan.batch(step);
      const { loss } = await NumericsError.of(`${plan.name}, step ${step + 1} of ${plan.steps}`, () =>
        learner.step(examples, cosineRate(plan.learningRate, step, plan.steps, plan.warmupSteps)),
      );
      tokens += examples.reduce((sum, { prompt, completion }) => sum + prompt.length + completion.length, 0);
      if (step >= Math.floor(plan.steps * 0.9)) last.push(loss);
      plan.report?.(step, loss, tokens);
    }
  } finally {
    await learner.release();
  }
  return { loss: last.reduce((sum, loss) => sum + loss, 0) / last.length, tokens };
}
