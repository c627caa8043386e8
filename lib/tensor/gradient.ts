/** Reverse-mode differentiation of a traced graph with the table in vjp.ts. */
import { sameShape, scalar, type Tensor, topological } from './graph.ts';
import { add, broadcastTo, reshape, sum, zeros } from './ops.ts';
import { vjp } from './vjp.ts';

/**
 * Gradients of a scalar loss, one for each of `parameters`, of the same shapes; zeros where the loss does not depend on one.
 * Throws RangeError if the loss is no scalar.
 */
export function gradients(loss: Tensor, parameters: readonly Tensor[]): Tensor[] {
  if (loss.shape.length !== 0) throw new RangeError(`the loss must be a scalar, it is [${loss.shape}]`);
  const order = topological([loss]);
  const wanted = dependents(order, new Set(parameters));
  const contributions = new Map<Tensor, Tensor[]>([[loss, [scalar(1)]]]);
  for (const tensor of order.reverse()) {
    const parts = contributions.get(tensor);
    if (!parts || !wanted.has(tensor) || tensor.inputs.length === 0) continue;
    const grads = vjp[tensor.op](tensor, total(parts));
    contributions.delete(tensor);
    if (parameters.includes(tensor)) contributions.set(tensor, parts);
    tensor.inputs.forEach((dependency, i) => {
      const grad = grads[i];
      if (!grad || !wanted.has(dependency)) return;
      const own = sumTo(grad, dependency.shape);
      const known = contributions.get(dependency);
      if (known) known.push(own);
      else contributions.set(dependency, [own]);
    });
  }
  return parameters.map((parameter) => {
    const parts = contributions.get(parameter);
    return parts ? broadcastTo(total(parts), parameter.shape) : zeros(parameter.shape);
  });
}

/** The tensors of a topological order that depend on a parameter: only these need a gradient. */
function dependents(order: readonly Tensor[], parameters: ReadonlySet<Tensor>): Set<Tensor> {
  const wanted = new Set<Tensor>();
  for (const tensor of order) {
    if (parameters.has(tensor) || tensor.inputs.some((dependency) => wanted.has(dependency))) wanted.add(tensor);
  }
  return wanted;
}

function total(parts: readonly Tensor[]): Tensor {
  return parts.reduce((a, b) => add(a, b));
}

/** Sums a gradient over the dimensions along which its input was broadcast. A gradient that is itself smaller is kept: it broadcasts. */
function sumTo(grad: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(grad.shape, shape)) return grad;
  const lead = grad.shape.length - shape.length;
  if (lead < 0) return broadcastTo(grad, shape);
  const axes = grad.shape.flatMap((n, i) => (i < lead || (shape[i - lead] === 1 && n !== 1) ? [i] : []));
  return broadcastTo(
    reshape(
      sum(grad, axes, true),
      grad.shape.slice(lead).map((n, i) => (axes.includes(i + lead) ? 1 : n)),
    ),
    shape,
  );
}
