/** SASRec and HSTU against RecTools (data/baselines.json, made by baselines.py): scores, loss and every gradient on a small input. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clickLoss, poolScores } from '../../lib/baselines/ranker.ts';
import { networks } from '../../lib/baselines/tuning.ts';
import type { Reader, SignalKind } from '../../lib/data/rows.ts';
import { buildIndex } from '../../lib/retrieval/ann.ts';
import { createComputation } from '../../lib/tensor/computation.ts';
import { createTrainer } from '../../lib/tensor/trainer.ts';
import { largestError } from './comparison.ts';

interface Reference {
  made_by: string;
  dimensions: number;
  maxLength: number;
  readers: { cutoff: number; signals: { kind: SignalKind; at: number; vector: number[] }[] }[];
  pool: number[][];
  clicked: number[];
  models: Record<
    'sasrec' | 'hstu',
    {
      parameters: Record<string, { shape: number[]; data: number[] }>;
      scores: number[];
      loss: number;
      gradients: Record<string, number[]>;
    }
  >;
}

/** The reference is in float64. */
const TOLERANCE = 2e-6;
/** RecTools' HSTU lacks the biases of the first projection. */
const absent = /^\d\.[uvqk]\.bias$/;

const reference: Reference = JSON.parse(readFileSync(join(import.meta.dirname, 'data', 'baselines.json'), 'utf8'));
const width = reference.pool[0].length;
const vectorOf = new Map<string, number[]>();
const readers = reference.readers.map(
  ({ cutoff, signals }, i): Reader => ({
    readerId: `reader ${i}`,
    split: 'train',
    cutoff,
    cold: false,
    clicked: [],
    signals: signals.map(({ kind, at, vector }, j) => {
      vectorOf.set(`signal ${i} ${j}`, vector);
      return { kind, at, text: `signal ${i} ${j}`, articleId: null };
    }),
  }),
);
const embedder = {
  dimensions: width,
  embed: (texts: readonly string[]) =>
    Promise.resolve(Float32Array.from(texts.flatMap((text) => vectorOf.get(text) as number[]))),
};

describe.each(['sasrec', 'hstu'] as const)(`%s and RecTools (${reference.made_by})`, (name) => {
  const expected = reference.models[name];
  const network = networks[name]({
    readers,
    index: buildIndex([], new Float32Array(), width),
    embedder,
    settings: { steps: 1, dimensions: reference.dimensions, maxLength: reference.maxLength, learningRate: 1 },
    seed: 1,
    threads: 1,
  });
  const { parameters } = network;
  for (const [parameter, { shape, data }] of parameters) {
    const known = expected.parameters[parameter];
    if (known) expect(known.shape, parameter).toEqual(shape);
    data.set(known?.data ?? new Float32Array(data.length));
  }
  const feeds = async () => ({
    ...(await network.open(readers))(readers.map((_, i) => i)),
    pool: { shape: [reference.pool.length, width], data: Float32Array.from(reference.pool.flat()) },
    clicked: { shape: [readers.length], data: Int32Array.from(reference.clicked) },
  });

  it('have the same parameters', () => {
    expect([...parameters.keys()].filter((parameter) => !absent.test(parameter)).sort()).toEqual(
      Object.keys(expected.parameters).sort(),
    );
  });

  it('give each article the same score', async () => {
    const scoring = createComputation({
      parameters,
      threads: 1,
      trace: (p, x) => ({ scores: poolScores(network, p, x, x.pool) }),
    });
    const { scores } = await scoring.run(await feeds());
    await scoring.release();
    expect(largestError(scores as Float32Array, expected.scores).relative).toBeLessThan(TOLERANCE);
  });

  it('have the same loss and the same gradients', async () => {
    const trainer = createTrainer({
      parameters,
      threads: 1,
      adamw: { betas: [0.9, 0.98], epsilon: 1e-8, weightDecay: 0, gradientNorm: null },
      loss: (p, x) => ({ loss: clickLoss(network, p, x, x.pool) }),
    });
    const { loss, gradients } = await trainer.gradients(await feeds());
    await trainer.release();
    expect(Math.abs(loss - expected.loss) / expected.loss).toBeLessThan(TOLERANCE);
    // Of each parameter relative to the largest entry of all: some gradients are zero but for rounding (a key's bias moves nothing).
    const largest = Math.max(...Object.values(expected.gradients).flat().map(Math.abs));
    for (const [parameter, gradient] of Object.entries(expected.gradients)) {
      const own = gradients.get(parameter) as Float32Array;
      expect(largestError(own, gradient).absolute / largest, parameter).toBeLessThan(TOLERANCE);
    }
  });
});
