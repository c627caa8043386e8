/** Functions made of operations (ops.ts): they have their gradients for nothing. */
import type { Tensor } from './graph.ts';
import { add, div, erf, less, maximum, mean, mul, sqrt, sub, sum, where } from './ops.ts';

/** Into [low, high]; outside, the gradient is 0; on the bounds it passes, as torch.clamp does. */
export const clamp = (x: Tensor, low: number, high: number): Tensor =>
  where(less(x, low), low, where(less(high, x), high, x));

/** x · Φ(x), the exact form. */
export const gelu = (x: Tensor): Tensor => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));

/** (x - mean) / √(variance + ε) · weight + bias over the last axis: x [..., n], weight and bias [n]. Ba et al. 2016. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  const centred = sub(x, mean(x, [-1], true));
  const deviation = sqrt(add(mean(mul(centred, centred), [-1], true), epsilon));
  return add(mul(div(centred, deviation), weight), bias);
}

/** [..., n] with rows (last axis) of unit length; a row of zeros stays zero (length is at least ε). */
export function normalizeRows(x: Tensor, epsilon = 1e-12): Tensor {
  return div(x, sqrt(maximum(sum(mul(x, x), [-1], true), epsilon * epsilon)));
}
