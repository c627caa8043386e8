/** Reverse-mode differentiation of a traced graph with the table in vjp.ts. */
import { node, sameShape, scalar, type Tensor, topological } from './graph.ts';
import { add, broadcastTo, cast, concat, less, reshape, slice, sum, zeros } from './ops.ts';
import { vjp } from './vjp.ts';

/**
 * Gradients of a scalar loss, one for each of `parameters`, of the same shapes; zeros where the loss does not depend on one.
 * Throws RangeError if the loss is no scalar.
 */
export function gradients(loss: Tensor, parameters: readonly Tensor[]): Tensor[] {
  if (loss.shape.length !== 0) throw new RangeError(`the loss must be a scalar, it is [${loss.shape}]`);
  const grads = backward(topological([loss]), scalar(1), parameters);
  return parameters.map((parameter) => {
    const grad = grads.get(parameter);
    return grad ? broadcastTo(grad, parameter.shape) : zeros(parameter.shape);
  });
}

/** Gradients by `parameters` of the last tensor of a topological order, times that tensor's own gradient. */
function backward(order: readonly Tensor[], grad: Tensor, parameters: readonly Tensor[]): Map<Tensor, Tensor> {
  const wanted = dependents(order, new Set(parameters));
  const known = new Map<Tensor, Tensor>([[order[order.length - 1], grad]]);
  const result = new Map<Tensor, Tensor>();
  /** What the last checkpoint contributed to: the next one waits for it. */
  let before: Tensor[] = [];
  for (const tensor of order.toReversed()) {
    const g = known.get(tensor);
    if (!g || !wanted.has(tensor)) continue;
    known.delete(tensor);
    if (parameters.includes(tensor)) result.set(tensor, g);
    if (tensor.inputs.length === 0) continue;
    const isCheckpoint = tensor.op === 'checkpoint';
    const grads = tensor.op === 'checkpoint' ? recomputed(tensor, g, before, wanted) : vjp[tensor.op](tensor, g);
    if (isCheckpoint) before = [];
    tensor.inputs.forEach((dependency, i) => {
      const part = grads[i];
      if (!part || !wanted.has(dependency)) return;
      const own = sumTo(part, dependency.shape);
      const others = known.get(dependency);
      known.set(dependency, others ? add(others, own) : own);
      if (isCheckpoint) before.push(known.get(dependency) as Tensor);
    });
  }
  return result;
}

/** The tensors of a topological order that depend on a parameter: only these need a gradient. */
function dependents(order: readonly Tensor[], parameters: ReadonlySet<Tensor>): Set<Tensor> {
  const wanted = new Set<Tensor>();
  for (const tensor of order) {
    if (parameters.has(tensor) || tensor.inputs.some((dependency) => wanted.has(dependency))) wanted.add(tensor);
  }
  return wanted;
}

/**
 * Gradients of a checkpoint's boundary, from a copy of what it computed. The copy's activations depend on the gradient, and on all that
 * was computed `before`: so it is not merged with the first, nor begun while another copy is in memory.
 */
function recomputed(
  { inputs: [y, ...boundary] }: Tensor,
  g: Tensor,
  before: readonly Tensor[],
  wanted: ReadonlySet<Tensor>,
): (Tensor | null)[] {
  const zero = zeroAfter([g, ...before]);
  const again = boundary.map((x) => (x.op === 'input' ? x : add(x, zero)));
  const copies = new Map(boundary.map((x, i) => [x, again[i]]));
  for (const tensor of topological([y], new Set(boundary))) {
    if (copies.has(tensor)) continue;
    if (tensor.inputs.length === 0 && wanted.has(tensor))
      throw new RangeError(`${tensor.attributes.name} is read inside a checkpoint: it must be in its boundary`);
    const inputs = tensor.inputs.map((dependency) => copies.get(dependency) ?? dependency);
    if (inputs.every((dependency, i) => dependency === tensor.inputs[i])) continue;
    copies.set(tensor, node(tensor.op, inputs, tensor.shape, tensor.dtype, tensor.attributes, tensor.data));
  }
  const grads = backward(topological([copies.get(y) ?? y], new Set(again)), g, again);
  return [null, ...again.map((x) => grads.get(x) ?? null)];
}

/** A scalar 0 that cannot be known before the tensors are. (No number is less than itself, a NaN neither.) */
function zeroAfter(tensors: readonly Tensor[]): Tensor {
  const first = concat(
    tensors.map((tensor) => slice(reshape(tensor, [-1]), 0, 0, 1)),
    0,
  );
  return sum(cast(less(first, first), 'float32'));
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
