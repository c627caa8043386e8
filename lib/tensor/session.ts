/** Compiled graphs, run by ONNX Runtime. A run blocks the thread that calls it for its whole length. */
import * as ort from 'onnxruntime-node';
import { checkProviders, executionProviders, sessionConfiguration } from './execution-providers.ts';
import { type Dtype, sizeOf, type Tensor, type TensorData } from './graph.ts';
import { type Bindings, type OnnxModel, type Port, toOnnx } from './onnx.ts';

export interface SessionSettings {
  /** Threads of one operation. Results are equal to the bit only for equal thread counts. */
  threads: number;
  /** Numbers of inputs that become part of the model (weights for inference). */
  bindings?: Bindings;
  /** Keep freed memory for the next run (default). Off: slower, returns memory after each run. */
  arena?: boolean;
  /** Where it runs, the preferred first; the CPU computes what they cannot. Default: those of the environment (execution-providers.ts). */
  providers?: readonly string[];
}

/** A value that is fed: row-major numbers. The shape is that of the graph's input, which is checked. */
export interface Value {
  shape: readonly number[];
  data: TensorData;
}

export type Feeds = Readonly<Record<string, Value>>;

export interface Session {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /**
   * Feeds not named by the graph are ignored. Outputs named in `into` are written there instead of into new arrays. Throws
   * RangeError, naming the input, when one is missing or of another shape or dtype.
   */
  run(feeds: Feeds, into?: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>>;
  release(): Promise<void>;
}

/** Compiles named outputs of a graph. Throws ConfigError where a provider cannot be used. */
export async function compile(outputs: Readonly<Record<string, Tensor>>, settings: SessionSettings): Promise<Session> {
  return openModel(toOnnx(outputs, settings.bindings), settings);
}

/** A session of a model at hand. Throws ConfigError where a provider cannot be used. */
export async function openModel(model: OnnxModel, settings: Omit<SessionSettings, 'bindings'>): Promise<Session> {
  const { arena = true, providers = executionProviders() } = settings;
  await checkProviders(providers);
  const session = await ort.InferenceSession.create(model.bytes, {
    executionProviders: providers,
    intraOpNumThreads: settings.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    enableCpuMemArena: arena,
    enableMemPattern: arena,
    logSeverityLevel: 3,
    extra: sessionConfiguration(),
  });
  return {
    inputs: model.inputs,
    outputs: model.outputs,
    run: async (feeds, into = {}) => {
      const fed: Record<string, ort.Tensor> = {};
      for (const port of model.inputs) fed[port.name] = feedOf(port, feeds[port.name]);
      const fetched: Record<string, ort.Tensor | null> = {};
      for (const port of model.outputs) {
        const own = into[port.name];
        fetched[port.name] = own ? feedOf(port, { shape: port.shape, data: own }) : null;
      }
      const results = await session.run(fed, fetched);
      const values: Record<string, TensorData> = {};
      for (const { name } of model.outputs) {
        const result = results[name].data as TensorData;
        values[name] = into[name] ?? result;
        // What was written into the caller's array comes back as a copy too (onnxruntime-node 1.30).
        if (into[name]) discard(result);
      }
      return values;
    },
    release: () => session.release(),
  };
}

/** Frees an array that nobody reads any more at once: left to the garbage collector, gradients would pile up. */
export function discard(data: TensorData): void {
  (data.buffer as ArrayBuffer).transfer(0);
}

const arrayOf: Record<Dtype, { new (length: number): TensorData }> = {
  float32: Float32Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
};

function feedOf({ name, shape, dtype }: Port, value: Value | undefined): ort.Tensor {
  if (!value) throw new RangeError(`input ${name} [${shape}] was not fed`);
  const { data } = value;
  if (value.shape.join() !== shape.join() || data.length !== sizeOf(shape) || !(data instanceof arrayOf[dtype])) {
    throw new RangeError(
      `input ${name} must be ${dtype} [${shape}], got ${data.constructor.name} [${value.shape}] of ${data.length}`,
    );
  }
  return new ort.Tensor(dtype, data as Float32Array, shape);
}
