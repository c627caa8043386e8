/** The cleaner of signals: trained from labels, kept as a folder, opened again wherever signals must be cleaned alike. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { signalKinds, type SignalRow } from '../data/rows.ts';
import { CheckpointError, NumericsError } from '../errors.ts';
import type { CleanSettings } from '../pipeline/stage-settings.ts';
import { Random } from '../random.ts';
import { asFloat32, asStored, readSafetensors, writeSafetensors } from '../store/safetensors.ts';
import { createComputation } from '../tensor/computation.ts';
import { mean, mul, sigmoid, softplus, sub } from '../tensor/ops.ts';
import { countParameters, type Parameters } from '../tensor/parameters.ts';
import { openTokenizer, type Tokenizer } from '../tensor/tokenizer.ts';
import { createTrainer } from '../tensor/trainer.ts';
import {
  type CleanerShape,
  cleanerShapes,
  initialCleaner,
  noiseLogits,
  paddedFeeds,
  ROW_TOKENS,
  signalTokens,
} from './cleaner-network.ts';
import { cosineRate, EXPLODED } from './supervised.ts';

/** What the cleaner reads of a signal. Its text is masked already (method/masking.ts). */
export type CleanerSignal = Pick<SignalRow, 'kind' | 'text'>;

export interface Cleaner {
  /** Signals of other kinds are left out. */
  readonly kinds: readonly SignalRow['kind'][];
  /** A signal whose probability is above it is dropped. */
  readonly threshold: number;
  /** Probability of noise of each signal. Other signals of the call do not matter. `progress`: once a batch. */
  probabilities(signals: readonly CleanerSignal[], progress?: (fraction: number) => void): Promise<Float32Array>;
  release(): Promise<void>;
}

export interface TrainedCleaner extends Cleaner {
  /** Mean loss (nats a signal) of the last tenth of the steps. */
  readonly loss: number;
  readonly parameters: number;
  /** cleaner.json, model.safetensors and tokenizer.json. */
  files(): Record<string, Uint8Array>;
}

export interface CleanerPlan {
  examples: readonly (CleanerSignal & { label: 'keep' | 'drop' })[];
  tokenizer: Tokenizer;
  settings: CleanSettings;
  seed: number;
  threads: number;
  /** Once a step. */
  progress?: (fraction: number, loss: number) => void;
}

/** Of 48 and 64 wide, 1 and 2 layers deep, dev readers' noise was told alike by all; this is the shallower of the two with the highest AUC there. */
const shape: CleanerShape = { hidden: 64, intermediate: 128, layers: 1, heads: 4 };
const WARMUP_STEPS = 20;

/** Minimizes the binary cross-entropy of the labels. Equal plans give weights equal to the bit (same CPU type, same threads). */
export async function trainCleaner(plan: CleanerPlan): Promise<TrainedCleaner> {
  const { examples, tokenizer, settings, seed, threads } = plan;
  const parameters = initialCleaner(shape, tokenizer.vocabularySize, seed);
  const trainer = createTrainer({
    parameters,
    threads,
    adamw: { betas: [0.9, 0.98], epsilon: 1e-8, weightDecay: 0.01, gradientNorm: 1, gradientLimit: EXPLODED },
    loss: (p, { ids, mask, noise }) => {
      const logits = noiseLogits(shape, p, ids, mask);
      return { loss: mean(sub(softplus(logits), mul(noise, logits))) };
    },
  });
  const last: number[] = [];
  try {
    for (let step = 0; step < settings.steps; step++) {
      const random = new Random('cleaner batch', seed, step);
      const batch = Array.from({ length: settings.batch }, () => random.pick(examples));
      const tokens = batch.map((signal) => signalTokens(signal, tokenizer));
      const noise = Float32Array.from(batch, ({ label }) => (label === 'drop' ? 1 : 0));
      const { loss } = await NumericsError.of(`cleaner, seed ${seed}, step ${step + 1} of ${settings.steps}`, () =>
        trainer.step(
          [{ ...paddedFeeds(tokens, batch.length, ROW_TOKENS), noise: { shape: [batch.length], data: noise } }],
          cosineRate(settings.learningRate, step, settings.steps, WARMUP_STEPS),
        ),
      );
      if (step >= Math.floor(settings.steps * 0.9)) last.push(loss);
      plan.progress?.((step + 1) / settings.steps, loss);
    }
  } finally {
    await trainer.release();
  }
  return {
    ...cleanerOf(shape, parameters, tokenizer, settings, threads),
    loss: last.reduce((sum, loss) => sum + loss, 0) / last.length,
    parameters: countParameters(parameters),
    files: () => ({
      'cleaner.json': jsonBytes({
        type: 'trained',
        threshold: settings.threshold,
        kinds: settings.kinds,
        ...shape,
      } satisfies CleanerFile),
      'model.safetensors': writeSafetensors(
        new Map([...parameters].map(([name, weight]) => [name, asStored(weight.shape, weight.data, 'F32')])),
      ),
      'tokenizer.json': jsonBytes(tokenizer.files.tokenizer),
    }),
  };
}

/** Files of a cleaner that takes nothing for noise. */
export function idleCleanerFiles({ kinds }: Pick<CleanSettings, 'kinds'>): Record<string, Uint8Array> {
  return { 'cleaner.json': jsonBytes({ type: 'off', kinds } satisfies CleanerFile) };
}

const size = z.number().int().positive();
const kinds = z.array(z.enum(signalKinds)).min(1);
const cleanerFile = z.discriminatedUnion('type', [
  z.object({ type: z.literal('off'), kinds }),
  z.object({
    type: z.literal('trained'),
    threshold: z.number().min(0).max(1),
    kinds,
    hidden: size,
    intermediate: size,
    layers: size,
    heads: size,
  }),
]);
type CleanerFile = z.infer<typeof cleanerFile>;

/** Opens the cleaner of a folder. Throws CheckpointError, naming the file and what is wrong with it. */
export async function openCleaner(folder: string, threads: number): Promise<Cleaner> {
  const file = await readCleanerFile(join(folder, 'cleaner.json'));
  if (file.type === 'off') {
    return {
      kinds: file.kinds,
      threshold: 1,
      probabilities: async (signals) => new Float32Array(signals.length),
      release: async () => undefined,
    };
  }
  const tokenizer = openTokenizer(folder);
  const path = join(folder, 'model.safetensors');
  const stored = readSafetensors(path);
  const parameters: Parameters = new Map();
  for (const [name, dimensions] of cleanerShapes(file, tokenizer.vocabularySize)) {
    const tensor = stored.get(name);
    if (tensor?.shape.join() !== dimensions.join()) {
      throw new CheckpointError({
        path,
        tensor: name,
        problem: `it must be [${dimensions.join()}] for cleaner.json and tokenizer.json, it is ${tensor ? `[${tensor.shape.join()}]` : 'missing'}`,
        remedy,
      });
    }
    parameters.set(name, { shape: dimensions, data: asFloat32(tensor, name, path) });
  }
  return cleanerOf(file, parameters, tokenizer, file, threads);
}

const remedy = 'Run the clean stage again';

async function readCleanerFile(path: string): Promise<CleanerFile> {
  try {
    return cleanerFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    const problem =
      cause instanceof z.ZodError
        ? cause.issues.map(({ path: key, message }) => `${key.join('.')}: ${message}`).join('; ')
        : (cause as Error).message;
    throw new CheckpointError({ path, problem, remedy, cause });
  }
}

/** Rows of one run, many or few, and their padded lengths: six compiled graphs at most, and little padding. */
const MANY_ROWS = 256;
const FEW_ROWS = 16;
const ROW_LENGTHS = [10, 16, ROW_TOKENS] as const;

function cleanerOf(
  network: CleanerShape,
  parameters: Parameters,
  tokenizer: Tokenizer,
  { kinds, threshold }: Pick<Cleaner, 'kinds' | 'threshold'>,
  threads: number,
): Cleaner {
  const computation = createComputation({
    parameters,
    threads,
    frozen: true,
    cache: 2 * ROW_LENGTHS.length,
    trace: (p, { ids, mask }) => ({ noise: sigmoid(noiseLogits(network, p, ids, mask)) }),
  });
  return {
    kinds,
    threshold,
    probabilities: async (signals, progress) => {
      const probabilities = new Float32Array(signals.length);
      // Half of what readers send repeats (a popular title, "weather"): each is computed once.
      const same = [...Map.groupBy(signals.keys(), (i) => `${signals[i].kind} ${signals[i].text}`).values()];
      const rows = same.map((indices) => ({ indices, tokens: signalTokens(signals[indices[0]], tokenizer) }));
      let done = 0;
      for (const [i, time] of ROW_LENGTHS.entries()) {
        const least = ROW_LENGTHS[i - 1] ?? 0;
        const alike = rows.filter(({ tokens }) => tokens.length > least && tokens.length <= time);
        for (let start = 0; start < alike.length; ) {
          const size = alike.length - start > FEW_ROWS ? MANY_ROWS : FEW_ROWS;
          const some = alike.slice(start, start + size);
          const { noise } = await computation.run(
            paddedFeeds(
              some.map(({ tokens }) => tokens),
              size,
              time,
            ),
          );
          some.forEach(({ indices }, row) => {
            for (const index of indices) probabilities[index] = Number(noise[row]);
          });
          start += size;
          done += some.length;
          progress?.(done / rows.length);
        }
      }
      return probabilities;
    },
    release: () => computation.release(),
  };
}

function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
