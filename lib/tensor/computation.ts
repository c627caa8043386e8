/** A traced function of parameters and fed values, compiled once for each combination of shapes. */
import { dtypeOf, input, type Tensor, type TensorData } from './graph.ts';
import { peakBytes } from './memory.ts';
import { type Parameters, parameterInputs } from './parameters.ts';
import { compile, type Feeds, type Session } from './session.ts';

/** Traced inputs by name. */
export type Traced = Record<string, Tensor>;

export interface ComputationSettings {
  parameters: Parameters;
  /** Traces the outputs; called once for each combination of fed shapes. */
  trace: (parameters: Traced, fed: Traced) => Traced;
  threads: number;
  /**
   * Parameters become part of the compiled model: much faster for few rows, but later changes of their numbers are not seen. Default:
   * false, they are fed at each run.
   */
  frozen?: boolean;
  /**
   * Compiled shapes kept at the same time; the least recently used is let go. Default 6; of a frozen one as many as hold 1 GiB of parameters
   * (each has a copy), 1 at least and 32 at most.
   */
  cache?: number;
}

export interface Computation {
  /** Outputs by name. Feeds go by the names that `trace` reads; see `Session.run` for `into` and what is thrown. */
  run(feeds: Feeds, into?: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>>;
  /** Bytes that a run on such shapes holds at most beside parameters and feeds, by memory.ts. Nothing is compiled. */
  peakBytes(feeds: Feeds): number;
  release(): Promise<void>;
}

/** A protobuf ends at 2 GiB. Larger parameters are fed at each run, frozen or not. */
const LARGEST_MODEL = 2 ** 31 - 2 ** 26;

/** Bytes of parameters in compiled models at the same time. */
const COPIES = 2 ** 30;

/** Compiles lazily: a new combination of shapes costs some 20 to 500 ms once. */
export function createComputation(settings: ComputationSettings): Computation {
  const { parameters, trace, threads, frozen = false } = settings;
  const bytes = [...parameters.values()].reduce((total, { data }) => total + data.byteLength, 0);
  const inModel = frozen && bytes <= LARGEST_MODEL;
  const { cache = inModel ? Math.min(32, Math.max(1, Math.floor(COPIES / bytes))) : 6 } = settings;
  const sessions = new Map<string, Promise<Session>>();
  const peaks = new Map<string, number>();

  const traceFor = (feeds: Feeds): Traced => {
    const fed = Object.entries(feeds).map(([name, { shape, data }]) => [name, input(name, shape, dtypeOf(data))]);
    return trace(parameterInputs(parameters), Object.fromEntries(fed));
  };
  // Without an arena: each compiled shape would keep its own peak for good, for 6 % of speed.
  const compileFor = (feeds: Feeds): Promise<Session> =>
    compile(traceFor(feeds), { threads, bindings: inModel ? parameters : undefined, arena: frozen });
  /** Lets go of the least recently used, if there are too many, before the next is compiled: two copies of large parameters may be one too many. */
  const makeRoom = async (): Promise<void> => {
    if (sessions.size < cache) return;
    const [oldest, unused] = sessions.entries().next().value as [string, Promise<Session>];
    sessions.delete(oldest);
    await (await unused).release();
  };
  const sessionFor = async (feeds: Feeds): Promise<Session> => {
    const key = keyOf(feeds);
    const known = sessions.get(key);
    sessions.delete(key);
    // Known from now on, so that another run of the same shapes waits for it and compiles none of its own.
    const session = known ?? makeRoom().then(() => compileFor(feeds));
    sessions.set(key, session);
    // What could not be compiled is tried again, not remembered.
    await session.catch(() => sessions.delete(key));
    return session;
  };
  return {
    run: async (feeds, into) => (await sessionFor(feeds)).run({ ...Object.fromEntries(parameters), ...feeds }, into),
    peakBytes: (feeds) => {
      const key = keyOf(feeds);
      const known = peaks.get(key) ?? peakBytes(Object.values(traceFor(feeds)));
      peaks.set(key, known);
      return known;
    },
    release: async () => {
      const all = [...sessions.values()];
      sessions.clear();
      for (const session of all) await (await session).release();
    },
  };
}

function keyOf(feeds: Feeds): string {
  return Object.entries(feeds)
    .map(([name, { shape, data }]) => `${name}:${dtypeOf(data)}[${shape}]`)
    .sort()
    .join(' ');
}
