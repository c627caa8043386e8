/** The one way to train anything: a traced loss, its gradients as one compiled graph, AdamW. */
import { NumericsError } from '../errors.ts';
import { type AdamwSettings, adamwStep, clipScale, globalNorm, type Moments } from './adamw.ts';
import { createComputation, type Traced } from './computation.ts';
import { gradients } from './gradient.ts';
import { sizeOf, type Tensor, type TensorData } from './graph.ts';
import type { StepBytes } from './micro-batches.ts';
import { allFinite, whereNotFinite } from './numerics.ts';
import { copyParameters, countParameters, type Parameters } from './parameters.ts';
import { discard, type Feeds } from './session.ts';

export interface TrainerSettings {
  /** Updated in place. */
  parameters: Parameters;
  /** Traces a scalar loss and, if wanted, metrics of any shape. Called once for each combination of fed shapes. */
  loss: (parameters: Traced, fed: Traced) => { loss: Tensor; metrics?: Traced };
  /** Values that the loss reads beside them and that do not change: a teacher. */
  constants?: Parameters;
  adamw: AdamwSettings;
  threads: number;
}

export interface StepResult {
  loss: number;
  /** Global norm of the gradient before clipping. */
  gradientNorm: number;
  /** Scalar metrics, weighted over micro-batches as the loss is. */
  metrics: Record<string, number>;
}

/** All that the next step depends on. */
export interface TrainerState {
  parameters: Parameters;
  first: Parameters;
  second: Parameters;
  /** Steps made. */
  step: number;
}

export interface Trainer {
  /**
   * One optimizer step on the sum of the micro-batches' losses, each times its weight (default: 1 / their number). Throws
   * NumericsError, before anything is changed, when the loss or a gradient is not finite (it names the micro-batch and where
   * the number broke first), or when the gradient's norm is above `adamw.gradientLimit`.
   */
  step(microBatches: readonly Feeds[], learningRate: number, weights?: readonly number[]): Promise<StepResult>;
  /** Loss and metrics of one batch; nothing is changed. */
  evaluate(feeds: Feeds): Promise<{ loss: number; metrics: Record<string, TensorData> }>;
  /** Gradients of one batch, by parameter; nothing is changed. */
  gradients(feeds: Feeds): Promise<{ loss: number; gradients: Map<string, Float32Array> }>;
  /** What a step of so many micro-batches like this one takes. Nothing is compiled. */
  stepBytes(feeds: Feeds, microBatches: number): StepBytes;
  /** A copy. */
  state(): TrainerState;
  /** Continues from a state, equal to the bit. Throws RangeError when its shapes are not the parameters'. */
  load(state: TrainerState): void;
  release(): Promise<void>;
}

/** Compiled at the same time: batches of lists of all lengths have some dozens, and compiling one takes as long as a tenth of a step. */
const SHAPES = 32;

const lossName = 'loss';
const gradientName = (parameter: string): string => `gradient of ${parameter}`;
const metricName = (metric: string): string => `metric ${metric}`;

/** Compiles at the first step of each combination of fed shapes. Throws RangeError then where the loss is no scalar. */
export function createTrainer({ parameters, loss, constants, adamw, threads }: TrainerSettings): Trainer {
  const names = [...parameters.keys()];
  const known: Parameters = new Map([...(constants ?? []), ...parameters]);
  const moments: Moments[] = [...parameters.values()].map(({ data }) => {
    return { first: new Float32Array(data.length), second: new Float32Array(data.length) };
  });
  let steps = 0;

  const traceLoss = (p: Traced, x: Traced): Traced => flatten(loss(p, x));
  const traceGradients = (p: Traced, x: Traced): Traced => {
    const traced = loss(p, x);
    const grads = gradients(
      traced.loss,
      names.map((name) => p[name]),
    );
    return { ...flatten(traced), ...Object.fromEntries(grads.map((grad, i) => [gradientName(names[i]), grad])) };
  };
  const forward = createComputation({ parameters: known, threads, trace: traceLoss, cache: SHAPES });
  const backward = createComputation({ parameters: known, threads, trace: traceGradients, cache: SHAPES });

  const differentiate = async (feeds: Feeds) => {
    const values = await backward.run(feeds);
    return { ...readResult(values), gradients: names.map((name) => values[gradientName(name)] as Float32Array) };
  };

  /** The error of a micro-batch whose loss or gradients are not finite. Slow: it looks at every tensor of the graph. */
  const broken = async (what: string, trace: typeof traceLoss, feeds: Feeds): Promise<NumericsError> => {
    const tensor = await whereNotFinite({ parameters: known, trace, feeds, threads });
    return new NumericsError(
      `${what} is not a finite number${tensor === null ? '' : `: it breaks first in ${tensor}`}. ${unchanged}`,
      { tensor },
    );
  };

  /** Which parameters' gradients are not finite, and in which micro-batch. */
  const brokenGradient = async (microBatches: readonly Feeds[]): Promise<NumericsError> => {
    for (const [i, feeds] of microBatches.entries()) {
      const { gradients } = await differentiate(feeds);
      const bad = names.filter((_, k) => !allFinite(gradients[k]));
      if (bad.length > 0) return broken(`the gradient of ${some(bad)} in micro-batch ${i}`, traceGradients, feeds);
    }
    return new NumericsError(`the sum of the micro-batches' gradients is not a finite number. ${unchanged}`);
  };

  const checkNorm = (norm: number, sums: readonly Float32Array[]): void => {
    const limit = adamw.gradientLimit ?? null;
    if (limit === null || norm <= limit) return;
    const norms = sums.map((one) => globalNorm([one]));
    const largest = norms.indexOf(Math.max(...norms));
    throw new NumericsError(
      `the gradient explodes: its norm is ${norm.toPrecision(3)}, ${limit} is allowed, and most of it is that of ${names[largest]} (${norms[largest].toPrecision(3)}). ${unchanged}`,
      { tensor: names[largest] },
    );
  };

  return {
    step: async (microBatches, learningRate, weights = microBatches.map(() => 1 / microBatches.length)) => {
      if (!Number.isFinite(learningRate)) throw new RangeError(`the learning rate is ${learningRate}`);
      const total: StepResult = { loss: 0, gradientNorm: 0, metrics: {} };
      let sums: Float32Array[] = [];
      for (const [i, feeds] of microBatches.entries()) {
        const { gradients, ...result } = await differentiate(feeds);
        if (i === 0) {
          sums = gradients;
          for (const sum of sums) scaleBy(sum, weights[i]);
        } else {
          sums.forEach((sum, k) => addScaled(sum, gradients[k], weights[i]));
          gradients.forEach(discard);
        }
        if (!Number.isFinite(result.loss)) throw await broken(`the loss of micro-batch ${i}`, traceLoss, feeds);
        total.loss += weights[i] * result.loss;
        for (const [name, data] of Object.entries(result.metrics)) {
          if (data.length === 1) total.metrics[name] = (total.metrics[name] ?? 0) + weights[i] * Number(data[0]);
        }
      }
      total.gradientNorm = globalNorm(sums);
      if (!Number.isFinite(total.gradientNorm)) throw await brokenGradient(microBatches);
      checkNorm(total.gradientNorm, sums);
      steps++;
      const scale = clipScale(total.gradientNorm, adamw.gradientNorm);
      names.forEach((name, i) => {
        const { data } = parameters.get(name) as { data: Float32Array };
        adamwStep(data, sums[i], moments[i], adamw, { step: steps, learningRate, scale });
      });
      sums.forEach(discard);
      return total;
    },
    evaluate: async (feeds) => readResult(await forward.run(feeds)),
    gradients: async (feeds) => {
      const { loss, gradients } = await differentiate(feeds);
      return { loss, gradients: new Map(names.map((name, i) => [name, gradients[i]])) };
    },
    stepBytes: (feeds, microBatches) => {
      const gradients = 4 * countParameters(parameters);
      const sums = microBatches > 1 ? gradients : 0;
      const peak = backward.peakBytes(feeds);
      return {
        held: 4 * countParameters(known) + 2 * gradients + sums,
        // When a run ends its values are freed, and its gradients copied into JavaScript's arrays.
        run: Math.max(peak, 2 * gradients),
        activations: peak - gradients,
      };
    },
    state: () => {
      const copy = (which: keyof Moments): Parameters =>
        new Map(
          [...parameters].map(([name, { shape }], i) => [name, { shape: [...shape], data: moments[i][which].slice() }]),
        );
      return { parameters: copyParameters(parameters), first: copy('first'), second: copy('second'), step: steps };
    },
    load: (state) => {
      for (const part of [state.parameters, state.first, state.second]) requireSameShapes(parameters, part);
      names.forEach((name, i) => {
        parameters.get(name)?.data.set(dataOf(state.parameters, name));
        moments[i].first.set(dataOf(state.first, name));
        moments[i].second.set(dataOf(state.second, name));
      });
      steps = state.step;
    },
    release: async () => {
      await forward.release();
      await backward.release();
    },
  };
}

function flatten({ loss, metrics = {} }: { loss: Tensor; metrics?: Traced }): Traced {
  const named = Object.entries(metrics).map(([name, metric]) => [metricName(name), metric]);
  return { [lossName]: loss, ...Object.fromEntries(named) };
}

function readResult(values: Record<string, TensorData>): { loss: number; metrics: Record<string, TensorData> } {
  const prefix = metricName('');
  const metrics = Object.entries(values).flatMap(([name, data]) =>
    name.startsWith(prefix) ? [[name.slice(prefix.length), data] as const] : [],
  );
  return { loss: Number(values[lossName][0]), metrics: Object.fromEntries(metrics) };
}

const unchanged = 'Nothing was changed: lower the learning rate, or look at the batch';

function some(names: readonly string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 2).join(', ')} and ${names.length - 2} others`;
}

function requireSameShapes(parameters: Parameters, other: Parameters): void {
  for (const [name, { shape }] of parameters) {
    const loaded = other.get(name);
    if (!loaded || loaded.shape.join() !== shape.join() || loaded.data.length !== sizeOf(shape)) {
      throw new RangeError(`the state's ${name} is [${loaded?.shape ?? 'missing'}], the model's [${shape}]`);
    }
  }
}

function dataOf(parameters: Parameters, name: string): Float32Array {
  return (parameters.get(name) as { data: Float32Array }).data;
}

function scaleBy(array: Float32Array, factor: number): void {
  if (factor !== 1) for (let i = 0; i < array.length; i++) array[i] *= factor;
}

function addScaled(into: Float32Array, array: Float32Array, factor: number): void {
  for (let i = 0; i < into.length; i++) into[i] += factor * array[i];
}
