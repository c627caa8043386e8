/**
 * Trains the text encoder on the tensor engine: word vectors and word weights such that a title finds its own abstract among a batch
 * (InfoNCE both ways), with random crops, so that a few words of a title find it too. Articles of fresh pools are never seen.
 */
import { NumericsError } from '../errors.ts';
import type { ArticleRow } from '../data/rows.ts';
import { Random } from '../random.ts';
import { writeSafetensors } from '../store/safetensors.ts';
import { normalizeRows } from '../tensor/compositions.ts';
import {
  add,
  exp,
  gather,
  logProbAt,
  matmul,
  mean,
  minimum,
  mul,
  neg,
  reshape,
  softplus,
  sum,
  transpose,
} from '../tensor/ops.ts';
import type { Parameters } from '../tensor/parameters.ts';
import { createTrainer } from '../tensor/trainer.ts';
import { bagEmbedder, encoderWords } from './bag-embedder.ts';
import type { Embedder } from './embedder.ts';

export interface EncoderPlan {
  /** History and train pool. */
  articles: readonly Pick<ArticleRow, 'title' | 'abstract'>[];
  dimensions: number;
  steps: number;
  batch: number;
  learningRate: number;
  seed: number;
  threads: number;
  progress?: (fraction: number, loss: number) => void;
}

export interface TrainedEncoder extends Embedder {
  /** Vocabulary, most useful first in no particular order. */
  words: readonly string[];
  /** Mean loss (nats) of the last tenth of the steps. */
  loss: number;
  /** encoder.json and encoder.safetensors. */
  files(): Record<string, Uint8Array>;
}

/** Padded lengths of titles and abstracts: static shapes for the compiled graph. */
const TITLE_WORDS = 20;
const ABSTRACT_WORDS = 48;
const LARGEST_SCALE = 30;
/** Words seen in fewer articles than this are left out. */
const LEAST_ARTICLES = 2;

export async function trainTextEncoder(plan: EncoderPlan): Promise<TrainedEncoder> {
  const { dimensions, steps, batch, seed } = plan;
  const texts = plan.articles
    .map(({ title, abstract }) => ({ title: encoderWords(title), abstract: encoderWords(abstract || title) }))
    .filter(({ title }) => title.length > 0);
  const { words, idf } = vocabularyOf(texts);
  const idOf = new Map(words.map((word, i) => [word, i + 1]));
  const random = new Random('encoder', seed);
  // Row 0 is padding: its weight is a large negative number, so softplus makes it nothing.
  const parameters: Parameters = new Map([
    [
      'vectors',
      {
        shape: [words.length + 1, dimensions],
        data: Float32Array.from({ length: (words.length + 1) * dimensions }, () =>
          random.normal(0, dimensions ** -0.5),
        ),
      },
    ],
    ['weights', { shape: [words.length + 1, 1], data: Float32Array.from([-60, ...idf.map((value) => value / 2)]) }],
    ['scale', { shape: [1], data: Float32Array.of(2.5) }],
  ]);
  const size = Math.min(batch, texts.length);
  const trainer = createTrainer({
    parameters,
    threads: plan.threads,
    adamw: { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 1e-3, gradientNorm: 1e9 },
    loss: (p, x) => {
      const bag = (ids: typeof x.titles) => {
        const rows = mul(gather(p.vectors, ids), softplus(gather(p.weights, ids)));
        return normalizeRows(sum(rows, [1]));
      };
      const cosines = matmul(bag(x.titles), bag(x.abstracts), { transB: true });
      const logits = mul(cosines, minimum(exp(p.scale), LARGEST_SCALE));
      const forth = mean(logProbAt(logits, x.own));
      const back = mean(logProbAt(transpose(logits, [1, 0]), x.own));
      return { loss: reshape(mul(neg(add(forth, back)), 0.5), []) };
    },
  });
  const own = Int32Array.from({ length: size }, (_, i) => i);
  const last: number[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      const draw = new Random('encoder batch', seed, step);
      const chosen = draw.shuffle(texts.map((_, i) => i)).slice(0, size);
      const titles = new Int32Array(size * TITLE_WORDS);
      const abstracts = new Int32Array(size * ABSTRACT_WORDS);
      chosen.forEach((index, row) => {
        fill(titles, row * TITLE_WORDS, TITLE_WORDS, titleCrop(texts[index].title, draw), idOf);
        fill(abstracts, row * ABSTRACT_WORDS, ABSTRACT_WORDS, abstractCrop(texts[index].abstract, draw), idOf);
      });
      const feeds = {
        titles: { shape: [size, TITLE_WORDS], data: titles },
        abstracts: { shape: [size, ABSTRACT_WORDS], data: abstracts },
        own: { shape: [size], data: own },
      };
      const { loss } = await NumericsError.of(`text encoder, seed ${seed}, step ${step + 1} of ${steps}`, () =>
        trainer.step([feeds], plan.learningRate * (1 - step / steps)),
      );
      if (step >= Math.floor(steps * 0.9)) last.push(loss);
      plan.progress?.((step + 1) / steps, loss);
    }
  } finally {
    await trainer.release();
  }
  const vectors = weighted(parameters, words.length, dimensions);
  return {
    ...bagEmbedder(words, vectors, dimensions),
    words,
    loss: last.reduce((total, loss) => total + loss, 0) / last.length,
    files: () => ({
      'encoder.json': Buffer.from(JSON.stringify({ type: 'trained', dimensions, words })),
      'encoder.safetensors': writeSafetensors(
        new Map([['vectors', { dtype: 'F32', shape: [words.length, dimensions], data: vectors }]]),
      ),
    }),
  };
}

interface Text {
  title: string[];
  abstract: string[];
}

/**
 * Words of articles, with their idf. Words of signals alone are none: no step would ever move their vectors, and as rare ones they would
 * weigh most.
 */
function vocabularyOf(texts: readonly Text[]): { words: string[]; idf: number[] } {
  const articles = new Map<string, number>();
  for (const { title, abstract } of texts)
    for (const word of new Set([...title, ...abstract])) articles.set(word, (articles.get(word) ?? 0) + 1);
  const words = [...articles.keys()].filter((word) => (articles.get(word) ?? 0) >= LEAST_ARTICLES).sort();
  return { words, idf: words.map((word) => Math.log((texts.length + 1) / ((articles.get(word) ?? 0) + 1))) };
}

function titleCrop(title: readonly string[], random: Random): readonly string[] {
  if (random.uniform() < 0.5 || title.length < 3) return title;
  const length = 2 + random.integer(Math.min(4, title.length - 1));
  const start = random.integer(title.length - length + 1);
  return title.slice(start, start + length);
}

function abstractCrop(abstract: readonly string[], random: Random): readonly string[] {
  const length = Math.max(3, Math.floor(abstract.length / 2));
  if (random.uniform() < 0.5 || length >= abstract.length) return abstract;
  const start = random.integer(abstract.length - length + 1);
  return abstract.slice(start, start + length);
}

function fill(
  target: Int32Array,
  at: number,
  room: number,
  words: readonly string[],
  idOf: ReadonlyMap<string, number>,
): void {
  words
    .map((word) => idOf.get(word))
    .filter((id) => id !== undefined)
    .slice(0, room)
    .forEach((id, i) => {
      target[at + i] = id;
    });
}

/** Each word's vector times its softplus weight, without the padding row. */
function weighted(parameters: Parameters, words: number, dimensions: number): Float32Array {
  const { data: vectors } = parameters.get('vectors') as { data: Float32Array };
  const { data: weights } = parameters.get('weights') as { data: Float32Array };
  return Float32Array.from({ length: words * dimensions }, (_, i) => {
    const word = Math.floor(i / dimensions) + 1;
    return vectors[i + dimensions] * Math.log1p(Math.exp(weights[word]));
  });
}
