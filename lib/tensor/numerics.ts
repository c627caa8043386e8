/** Finds where a computation stops being finite. Used once something has gone wrong: it runs the graph with a probe on every tensor. */
import type { ComputationSettings, Traced } from './computation.ts';
import { dtypeOf, input, type Tensor, type TensorData, topological } from './graph.ts';
import { mul, sum } from './ops.ts';
import { parameterInputs } from './parameters.ts';
import { compile, type Feeds } from './session.ts';

/** Whether no entry is NaN or infinite; integers always are finite. */
export function allFinite(data: TensorData): boolean {
  // 0 · x is 0 for every finite x, and NaN for the others.
  let total = 0;
  if (data instanceof Float32Array) for (let i = 0; i < data.length; i++) total += 0 * data[i];
  return total === 0;
}

/**
 * The first that holds a NaN or an infinity: a parameter, by name; a fed value; else an operation, with the nearest parameter that it
 * depends on ("exp, after model.norm.weight"). Null where all are finite.
 */
export async function whereNotFinite({
  parameters,
  trace,
  feeds,
  threads,
}: Pick<ComputationSettings, 'parameters' | 'trace' | 'threads'> & { feeds: Feeds }): Promise<string | null> {
  for (const [name, { data }] of parameters) if (!allFinite(data)) return name;
  for (const [name, { data }] of Object.entries(feeds)) if (!allFinite(data)) return `the fed ${name}`;
  const fed: Traced = Object.fromEntries(
    Object.entries(feeds).map(([name, { shape, data }]) => [name, input(name, shape, dtypeOf(data))]),
  );
  const known = parameterInputs(parameters);
  const computed = topological(Object.values(trace(known, fed))).filter(
    ({ op, dtype }) => dtype === 'float32' && op !== 'input' && op !== 'constant',
  );
  const session = await compile(Object.fromEntries(computed.map((tensor, i) => [String(i), sum(mul(tensor, 0))])), {
    threads,
    arena: false,
  });
  try {
    const probes = await session.run({ ...Object.fromEntries(parameters), ...feeds });
    const first = computed.find((_, i) => Number.isNaN(probes[String(i)][0]));
    return first ? described(first, new Set(Object.values(known))) : null;
  } finally {
    await session.release();
  }
}

function described(tensor: Tensor, parameters: ReadonlySet<Tensor>): string {
  const seen = new Set<Tensor>([tensor]);
  for (const one of seen) {
    if (parameters.has(one)) return `${tensor.op}, after ${one.attributes.name}`;
    for (const dependency of one.inputs) seen.add(dependency);
  }
  return tensor.op;
}
