/**
 * AdamW with decoupled weight decay (Loshchilov and Hutter 2019), as torch.optim.AdamW computes it, after torch.nn.utils.clip_grad_norm_.
 * A plain loop: it runs at the speed of memory, and the optimizer as an ONNX graph was slower.
 */
export interface AdamwSettings {
  betas: readonly [number, number];
  epsilon: number;
  /** Applied to every parameter, times the learning rate. */
  weightDecay: number;
  /** Largest global norm of the gradient, above which it is scaled down; null: never. */
  gradientNorm: number | null;
  /** A step whose gradient has a larger norm, before clipping, is refused. Default null: none is. */
  gradientLimit?: number | null;
}

/** Moments of one parameter's gradient. */
export interface Moments {
  first: Float32Array;
  second: Float32Array;
}

/** L2 norm over all gradients together. */
export function globalNorm(gradients: Iterable<Float32Array>): number {
  let total = 0;
  for (const gradient of gradients) {
    let own = 0;
    for (let i = 0; i < gradient.length; i++) own += gradient[i] * gradient[i];
    total += own;
  }
  return Math.sqrt(total);
}

/** By what gradients are multiplied so that their norm does not exceed the limit. */
export function clipScale(norm: number, limit: number | null): number {
  return limit === null ? 1 : Math.min(1, limit / (norm + 1e-6));
}

/** One step on one parameter, in place. `step` counts from 1; `scale` multiplies the gradient first. */
export function adamwStep(
  parameter: Float32Array,
  gradient: Float32Array,
  { first, second }: Moments,
  { betas: [beta1, beta2], epsilon, weightDecay }: AdamwSettings,
  { step, learningRate, scale }: { step: number; learningRate: number; scale: number },
): void {
  const keep = 1 - learningRate * weightDecay;
  const rate = learningRate / (1 - beta1 ** step);
  const correction = 1 / Math.sqrt(1 - beta2 ** step);
  for (let i = 0; i < parameter.length; i++) {
    const g = gradient[i] * scale;
    const m = beta1 * first[i] + (1 - beta1) * g;
    const v = beta2 * second[i] + (1 - beta2) * g * g;
    first[i] = m;
    second[i] = v;
    parameter[i] = keep * parameter[i] - (rate * m) / (Math.sqrt(v) * correction + epsilon);
  }
}
