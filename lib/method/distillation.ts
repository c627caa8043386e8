/**
 * Divergences of a student from its teacher at one token, over the full vocabulary, in nats. Both arguments are log-probabilities
 * (normalised). These are the definitions; tensor/losses.ts computes the same on the graph, and its tests compare.
 */

/** KL(student ‖ teacher) = Σ_v p_s (log p_s - log p_t): mode-seeking, what on-policy distillation minimises (Agarwal et al. 2024). */
export function reverseKl(student: ArrayLike<number>, teacher: ArrayLike<number>): number {
  return kl(student, teacher);
}

/** KL(teacher ‖ student): mass-covering, the divergence of ordinary distillation. */
export function forwardKl(student: ArrayLike<number>, teacher: ArrayLike<number>): number {
  return kl(teacher, student);
}

/** Generalised Jensen-Shannon: β KL(teacher ‖ m) + (1 - β) KL(student ‖ m), m = β teacher + (1 - β) student. 0 < β < 1. */
export function jensenShannon(student: ArrayLike<number>, teacher: ArrayLike<number>, beta = 0.5): number {
  const mixture = Float64Array.from(student, (s, v) =>
    Math.log(beta * Math.exp(teacher[v]) + (1 - beta) * Math.exp(s)),
  );
  return beta * kl(teacher, mixture) + (1 - beta) * kl(student, mixture);
}

/** Logits as log-probabilities at a temperature. */
export function logSoftmax(logits: ArrayLike<number>, temperature = 1): Float64Array {
  const scaled = Float64Array.from(logits, (logit) => logit / temperature);
  const most = scaled.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const sum = scaled.reduce((total, logit) => total + Math.exp(logit - most), 0);
  return scaled.map((logit) => logit - most - Math.log(sum));
}

function kl(p: ArrayLike<number>, q: ArrayLike<number>): number {
  let sum = 0;
  for (let v = 0; v < p.length; v++) {
    const probability = Math.exp(p[v]);
    if (probability > 0) sum += probability * (p[v] - q[v]);
  }
  return sum;
}
