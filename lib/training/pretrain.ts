/**
 * The small base models, trained from nothing on generated worlds that no run uses: first to repeat words that do not exist (made-up.ts),
 * then to copy (signals to what they are about, in their own words), to name (the same in the news' words), to write whole lists
 * (lib/data/world/annotation.ts), then lists of every quality, and both three
 * times more, the last time for readers of names that it has not read (unfamiliar.ts). The demo starts from them, as the paper starts from Qwen: what they bring is
 * the language and its names, nothing about a run's readers or articles; and they can write a good list, but are not told that one is
 * wanted: rewards tell.
 */
import type { Signal } from '../data/rows.ts';
import { annotatedList, casualList } from '../data/world/annotation.ts';
import { worldTexts } from '../data/world/texts.ts';
import { keyPhrase, type Subject } from '../data/world/wording.ts';
import { openWorld, type WorldSettings } from '../data/world/world.ts';
import { baseSpecials, completionOf, LIST_LINES, promptOf } from '../method/prompt.ts';
import { keyPhraseOfSignal } from '../method/weak-labels.ts';
import { Random } from '../random.ts';
import { fromFloat16, toFloat16 } from '../store/half.ts';
import { trainByteBpe } from '../tensor/bpe.ts';
import type { LanguageModel } from '../tensor/language-model.ts';
import type { ModelConfig } from '../tensor/language-model-config.ts';
import type { SupervisedExample } from '../tensor/learner.ts';
import { initialParameters } from '../tensor/llama.ts';
import { countParameters } from '../tensor/parameters.ts';
import { openTokenizer, type Tokenizer } from '../tensor/tokenizer.ts';
import { createMadeUp, type MadeUp } from './made-up.ts';
import { trainSupervised } from './supervised.ts';
import { type AnnotatedSignal, withUnfamiliarNames } from './unfamiliar.ts';

/** Everything that decides a base model's bytes, beside the code. */
export interface PretrainPlan {
  seed: number;
  worlds: readonly number[];
  readersPerWorld: number;
  vocabularySize: number;
  maxPromptTokens: number;
  /** Examples of a step. */
  batch: number;
  models: readonly BaseModelPlan[];
}

export interface BaseModelPlan {
  name: string;
  hidden: number;
  layers: number;
  heads: number;
  intermediate: number;
  steps: Record<Phase, number>;
  learningRate: number;
}

/** In this order; lists and casual lists four times, each time other examples. */
export const phases = [
  'repeat',
  'copy',
  'name',
  'list',
  'casual',
  'list-2',
  'casual-2',
  'list-3',
  'casual-3',
  'list-4',
  'casual-4',
] as const;
export type Phase = (typeof phases)[number];

/** Examples of words that do not exist, in each phase: what is not exercised is unlearnt. */
const madeUpShare: Partial<Record<Phase, number>> = { repeat: 1, copy: 1 / 2 };
const MADE_UP_SHARE = 1 / 8;

/** Of the learning rate. What a model likes to write changes in a casual phase, not what it can. */
const rateShare: Partial<Record<Phase, number>> = {
  casual: 0.4,
  'list-2': 0.6,
  'casual-2': 0.4,
  'list-3': 0.8,
  'casual-3': 0.4,
  'list-4': 0.6,
  'casual-4': 0.4,
};

/** Entities of a reader that get a made-up name: news bring names that nobody has read. */
const unfamiliarShare: Partial<Record<Phase, number>> = { 'list-4': 1 / 4, 'casual-4': 1 / 4 };

/** Of many signals, a made-up list names the newest. */
const NEWEST = 4;

/** What is shared by all sizes: made once. */
export interface PretrainCorpus {
  tokenizerJson: object;
  tokenizer: Tokenizer;
  worlds: AnnotatedWorld[];
  madeUp: MadeUp;
}

interface AnnotatedWorld {
  signals: AnnotatedSignal[];
  /** Those with a signal that is no noise. */
  readers: AnnotatedSignal[][];
}

/** Generates the worlds and trains the tokenizer on them. */
export function preparePretraining(plan: PretrainPlan, say: (text: string) => void): PretrainCorpus {
  const sizes = {
    historyArticles: 4000,
    poolArticles: 2000,
    trainReaders: plan.readersPerWorld,
    devReaders: 0,
    testReaders: 0,
    newcomers: false,
  };
  say(`generating ${plan.worlds.length} worlds`);
  const worlds = plan.worlds.map((seed) => annotatedWorld({ ...sizes, seed }));
  say('training the tokenizer');
  const texts = [...worldTexts({ ...sizes, trainReaders: 1000, seed: plan.worlds[0] })].map(({ text }) => text);
  const tokenizerJson = trainByteBpe(
    texts.map((text) => ` ${text.toLowerCase()}`),
    { vocabularySize: plan.vocabularySize, specials: [...baseSpecials] },
  );
  return { tokenizerJson, tokenizer: openTokenizer(tokenizerJson), worlds, madeUp: createMadeUp(texts) };
}

/** Signals as the cleaner leaves them: of the noise one in twenty stays. */
function annotatedWorld(settings: WorldSettings): AnnotatedWorld {
  const world = openWorld(settings);
  const signals = world.tables.signals
    .filter(({ label }, i) => label !== 'drop' || i % 20 === 0)
    .map((row) => {
      const { reader_id, kind, text, at, article_id } = row;
      return { readerId: reader_id, signal: { kind, text, at, articleId: article_id }, about: world.about(row) };
    });
  const readers = [...Map.groupBy(signals, ({ readerId }) => readerId).values()];
  return { signals, readers: readers.filter((of) => of.some(({ about }) => about !== null)) };
}

/** A model and the phases that it has been through. */
export interface Begun {
  model: LanguageModel;
  done: readonly Phase[];
}

/**
 * Trains one size, from nothing or from where it was left; returns the model and its losses at the end of each phase that was run, nats a
 * token, and the tokens of these.
 */
export async function pretrain(
  model: BaseModelPlan,
  plan: PretrainPlan,
  corpus: PretrainCorpus,
  threads: number,
  report: (phase: string, step: number, steps: number, loss: number, tokens: number) => void,
  begun?: Begun,
): Promise<{
  model: LanguageModel;
  losses: Partial<Record<Phase, number>>;
  tokens: number;
  parameters: number;
}> {
  const config = baseConfig(model, corpus.tokenizer);
  const trained: LanguageModel = begun?.model ?? {
    config,
    parameters: initialParameters(config, plan.seed),
    tokenizer: corpus.tokenizer,
  };
  const losses: Partial<Record<Phase, number>> = {};
  let tokens = 0;
  for (const phase of phases) {
    if (begun?.done.includes(phase)) continue;
    // As a file holds it: gone on from there or not, the bytes that follow are the same.
    for (const [, { data }] of trained.parameters) data.set(fromFloat16(toFloat16(data)));
    const steps = model.steps[phase];
    const result = await trainSupervised(trained, {
      name: `${model.name}, ${phase}, seed ${plan.seed}`,
      steps,
      learningRate: model.learningRate * (rateShare[phase] ?? 1),
      warmupSteps: 50,
      weightDecay: 0.01,
      threads,
      batch: (step) => {
        const random = new Random('pretrain', plan.seed, model.name, phase, step);
        return Array.from({ length: plan.batch }, () => {
          const draw = random.uniform() < (madeUpShare[phase] ?? MADE_UP_SHARE) ? madeUpExample : examples[phase];
          return draw(random, plan, corpus, phase);
        });
      },
      report: (step, loss, done) => report(phase, step, steps, loss, tokens + done),
    });
    losses[phase] = result.loss;
    tokens += result.tokens;
  }
  return { model: trained, losses, tokens, parameters: countParameters(trained.parameters) };
}

type Draw = (random: Random, plan: PretrainPlan, corpus: PretrainCorpus, phase: Phase) => SupervisedExample;

/** Signals in words that do not exist; the list is what each is about. A list for a reader leaves out the oldest. */
const madeUpExample: Draw = (random, plan, { tokenizer, madeUp }, phase) => {
  const isReader = phase.startsWith('list') || phase.startsWith('casual');
  const count = LIST_LINES.least + random.integer(isReader ? 6 : 3);
  const signals = Array.from({ length: count }, () => madeUp.signal(random));
  return copied(signals, isReader ? signals.slice(-NEWEST) : signals, tokenizer, plan);
};

/** A reader of some world, and the list to write for it. */
const listExample: Draw = (random, plan, corpus, phase) => {
  const { signals, about } = someReader(random, corpus, phase);
  return example(signals, annotatedList(about, LIST_LINES.least).join('\n'), corpus.tokenizer, plan);
};

/** The same, and what people write who are not told what it is for. */
const casualExample: Draw = (random, plan, corpus, phase) => {
  const { signals, about } = someReader(random, corpus, phase);
  return example(signals, casualList(about, LIST_LINES.least, random).join('\n'), corpus.tokenizer, plan);
};

function someReader(
  random: Random,
  { worlds, madeUp }: PretrainCorpus,
  phase: Phase,
): { signals: Signal[]; about: Subject[] } {
  const reader = random.pick(random.pick(worlds).readers);
  const share = unfamiliarShare[phase];
  const met = share === undefined ? reader : withUnfamiliarNames(reader, share, madeUp, random);
  // Where every signal was mistyped, there is nothing to write.
  const read = met.some(({ about }) => about !== null) ? met : reader;
  return { signals: read.map(({ signal }) => signal), about: read.flatMap(({ about }) => about ?? []) };
}

const examples: Record<Phase, Draw> = {
  repeat: madeUpExample,
  /** A few signals of anybody; the list is what each is about, in its own words: what grounding is made of. */
  copy: (random, plan, { worlds, tokenizer }) => {
    const signals = someSignals(random, worlds).map(({ signal }) => signal);
    return copied(signals, signals, tokenizer, plan);
  },
  /** A few signals of anybody; the list is what each is about, in the news' words: what "obx" and "how high will water get" mean. */
  name: (random, plan, { worlds, tokenizer }) => {
    const some = someSignals(random, worlds).filter(({ about }) => about !== null);
    const list = some.flatMap(({ about }) => (about === null ? [] : keyPhrase(about)));
    return example(
      some.map(({ signal }) => signal),
      list.join('\n'),
      tokenizer,
      plan,
    );
  },
  list: listExample,
  casual: casualExample,
  'list-2': listExample,
  'casual-2': casualExample,
  'list-3': listExample,
  'casual-3': casualExample,
  'list-4': listExample,
  'casual-4': casualExample,
};

function someSignals(random: Random, worlds: readonly AnnotatedWorld[]): AnnotatedWorld['signals'] {
  const { signals } = random.pick(worlds);
  return Array.from({ length: LIST_LINES.least + random.integer(3) }, () => random.pick(signals));
}

/** The list is what each of `about` is about, in its own words. */
function copied(
  signals: readonly Signal[],
  about: readonly Signal[],
  tokenizer: Tokenizer,
  plan: PretrainPlan,
): SupervisedExample {
  const list = about.map(({ kind, text }) => keyPhraseOfSignal({ kind, text })).filter((phrase) => phrase !== '');
  return example(signals, list.join('\n'), tokenizer, plan);
}

function example(
  signals: readonly Signal[],
  list: string,
  tokenizer: Tokenizer,
  { maxPromptTokens }: PretrainPlan,
): SupervisedExample {
  return { prompt: promptOf(signals, tokenizer, maxPromptTokens), completion: completionOf(list, tokenizer) };
}

function baseConfig({ hidden, intermediate, layers, heads }: BaseModelPlan, tokenizer: Tokenizer): ModelConfig {
  return {
    family: 'llama',
    vocabularySize: tokenizer.vocabularySize,
    hiddenSize: hidden,
    intermediateSize: intermediate,
    layers,
    heads,
    keyValueHeads: heads,
    headDim: hidden / heads,
    maxPositions: 512,
    ropeTheta: 10_000,
    rmsEpsilon: 1e-5,
    tiedEmbeddings: true,
    attentionBias: false,
  };
}
