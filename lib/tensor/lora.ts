/**
 * Low-rank adapters (Hu et al. 2021): every projection y = W x of a block becomes W x + (alpha / rank) B A x, and only A and B learn. The
 * optimizer holds a hundredth of the state; no gradient of a W is computed. What decodes, and what is stored, is W + (alpha / rank) B A.
 */
import { Random } from '../random.ts';
import { createComputation, type Traced } from './computation.ts';
import { sizeOf } from './graph.ts';
import type { LanguageModel } from './language-model.ts';
import { adapterNames, type ModelConfig, parameterShapes } from './language-model-config.ts';
import { add, matmul, mul } from './ops.ts';
import type { Parameters } from './parameters.ts';
import { createTrainer, type Trainer, type TrainerSettings, type TrainerState } from './trainer.ts';

export interface LoraSettings {
  /** Rows of A, columns of B. */
  rank: number;
  /** B A is multiplied by alpha / rank, so that the learning rate need not follow the rank. */
  alpha: number;
  /** Of the random A. B is 0 at first: training begins at the model as it is. */
  seed: number;
}

/** A trainer of adapters: its state, gradients and moments are theirs alone. `load` is a promise: the model's weights follow. */
export interface AdapterTrainer extends Omit<Trainer, 'load'> {
  load(state: TrainerState): Promise<void>;
}

/**
 * Trains adapters of every projection of the model's blocks; `loss` reads the model's parameters under their own names. After each step
 * and after `load`, the model's weights are the merged ones, equal to the bit for equal adapters. The weights at the time of this call are
 * what adapters are added to: two trainers of one model must not live at the same time.
 */
export function createAdapterTrainer(
  { config, parameters }: Pick<LanguageModel, 'config' | 'parameters'>,
  lora: LoraSettings,
  settings: Omit<TrainerSettings, 'parameters' | 'constants'>,
): AdapterTrainer {
  const scale = lora.alpha / lora.rank;
  const adapted = projections(config);
  const adapters = initialAdapters(config, lora);
  const isAdapted = new Set(adapted.map(weightOf));
  const base: Parameters = new Map(
    [...parameters].map(([name, { shape, data }]) => [
      name,
      { shape, data: isAdapted.has(name) ? data.slice() : data },
    ]),
  );
  const trainer = createTrainer({
    ...settings,
    parameters: adapters,
    constants: base,
    loss: (p, x) => settings.loss(withScale(p, scale), x),
  });
  const merging = createComputation({
    parameters: new Map([...base, ...adapters]),
    threads: settings.threads,
    trace: (p) =>
      Object.fromEntries(
        adapted.map((projection) => {
          const { a, b } = adapterNames(projection);
          return [mergedName(projection), add(p[weightOf(projection)], matmul(p[b], p[a], { scale }))];
        }),
      ),
  });
  const into = Object.fromEntries(
    adapted.map((projection) => [
      mergedName(projection),
      (parameters.get(weightOf(projection)) as { data: Float32Array }).data,
    ]),
  );
  const mergedBytes = Object.values(into).reduce((sum, { byteLength }) => sum + byteLength, 0);
  const merge = async (): Promise<void> => void (await merging.run({}, into));
  return {
    ...trainer,
    stepBytes: (...of) => {
      const bytes = trainer.stepBytes(...of);
      return { ...bytes, held: bytes.held + mergedBytes };
    },
    step: async (...of) => {
      const result = await trainer.step(...of);
      await merge();
      return result;
    },
    load: async (state) => {
      trainer.load(state);
      await merge();
    },
    release: async () => {
      await trainer.release();
      await merging.release();
    },
  };
}

/** A random as PEFT draws it, uniform within ±1/√in; B zero. A function of the seed. */
export function initialAdapters(config: ModelConfig, { rank, seed }: Pick<LoraSettings, 'rank' | 'seed'>): Parameters {
  const shapes = parameterShapes(config);
  return new Map(
    projections(config).flatMap((projection) => {
      const [out, width] = shapes.get(weightOf(projection)) as number[];
      const { a, b } = adapterNames(projection);
      const random = new Random(seed, 'adapters', a);
      const bound = 1 / Math.sqrt(width);
      const drawn = Float32Array.from({ length: rank * width }, () => bound * (2 * random.uniform() - 1));
      return [
        [a, { shape: [rank, width], data: drawn }],
        [b, { shape: [out, rank], data: new Float32Array(sizeOf([out, rank])) }],
      ] as const;
    }),
  );
}

/** All matrices of the blocks: attention's four and the feed-forward part's three. Embeddings and norms stay as they are. */
function projections(config: ModelConfig): string[] {
  return [...parameterShapes(config).keys()]
    .filter((name) => name.endsWith('_proj.weight'))
    .map((name) => name.slice(0, -'.weight'.length));
}

const weightOf = (projection: string): string => `${projection}.weight`;
const mergedName = (projection: string): string => `merged ${projection}`;

/** The parameters with every B times alpha / rank: what llama.ts adds to a projection. */
function withScale(p: Traced, scale: number): Traced {
  return Object.fromEntries(
    Object.entries(p).map(([name, tensor]) => [name, name.endsWith('.lora_B.weight') ? mul(tensor, scale) : tensor]),
  );
}
