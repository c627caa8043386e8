/**
 * The small base models, trained from nothing on generated worlds that no run uses: first to copy (signals to what they are about), then
 * to write weak labels for readers. The demo starts from them, as the paper starts from Qwen.
 */
import type { CanonicalTables } from '../data/canonical.ts';
import { type Dataset, datasetOf } from '../data/dataset.ts';
import { generateWorld } from '../data/world/world.ts';
import { worldTexts } from '../data/world/texts.ts';
import { baseSpecials, completionOf, LIST_LINES, promptOf } from '../method/prompt.ts';
import { keyPhraseOfSignal } from '../method/weak-labels.ts';
import { Random } from '../random.ts';
import { trainTextEncoder } from '../retrieval/encoder.ts';
import { trainByteBpe } from '../tensor/bpe.ts';
import type { LanguageModel } from '../tensor/language-model.ts';
import type { ModelConfig } from '../tensor/language-model-config.ts';
import { initialParameters } from '../tensor/llama.ts';
import { countParameters } from '../tensor/parameters.ts';
import { openTokenizer, type Tokenizer } from '../tensor/tokenizer.ts';
import type { SupervisedExample } from '../tensor/learner.ts';
import { createLabeler, labelledExamples, type Labeler } from './labels.ts';
import { trainSupervised } from './supervised.ts';

/** Everything that decides a base model's bytes, beside the code. */
export interface PretrainPlan {
  seed: number;
  worlds: readonly number[];
  readersPerWorld: number;
  vocabularySize: number;
  maxPromptTokens: number;
  /** Readers of a step; twice as many copying examples. */
  batch: number;
  /** Different labels of a reader in a step, behind one prompt. */
  listsPerReader: number;
  /** Of labels, as in weakLabel. */
  eventShare: number;
  models: readonly BaseModelPlan[];
}

export interface BaseModelPlan {
  name: string;
  hidden: number;
  layers: number;
  heads: number;
  intermediate: number;
  copySteps: number;
  labelSteps: number;
  learningRate: number;
}

/** What is shared by all sizes: made once. */
export interface PretrainCorpus {
  tokenizerJson: object;
  tokenizer: Tokenizer;
  worlds: { dataset: Dataset; label: Labeler }[];
}

/** Generates the worlds, trains the tokenizer and one text encoder (for the weak labels) on them. */
export async function preparePretraining(
  plan: PretrainPlan,
  threads: number,
  say: (text: string) => void,
): Promise<PretrainCorpus> {
  const sizes = {
    historyArticles: 4000,
    poolArticles: 2000,
    trainReaders: plan.readersPerWorld,
    devReaders: 0,
    testReaders: 0,
    newcomers: false,
  };
  say(`generating ${plan.worlds.length} worlds`);
  const datasets = plan.worlds.map((seed) => datasetOf(mostlyClean(generateWorld({ ...sizes, seed }))));
  say('training the tokenizer');
  const tokenizerJson = trainByteBpe(bpeTexts({ ...sizes, trainReaders: 1000, seed: plan.worlds[0] }), {
    vocabularySize: plan.vocabularySize,
    specials: [...baseSpecials],
  });
  const tokenizer = openTokenizer(tokenizerJson);
  say('training the text encoder that groups signals');
  const articles = [...datasets[0].history, ...datasets[0].pool('train')];
  const embedder = await trainTextEncoder({
    articles,
    signals: datasets[0].readers('train').flatMap((reader) => reader.signals.map(({ text }) => text)),
    dimensions: 64,
    steps: 400,
    batch: 256,
    learningRate: 5e-3,
    seed: plan.seed,
    threads,
  });
  const worlds = [];
  for (const dataset of datasets)
    worlds.push({ dataset, label: await createLabeler(dataset, embedder, plan.eventShare) });
  return { tokenizerJson, tokenizer, worlds };
}

/** As the cleaner leaves signals: of the noise one in twenty stays. */
function mostlyClean(tables: CanonicalTables): CanonicalTables {
  return { ...tables, signals: tables.signals.filter(({ label }, i) => label !== 'drop' || i % 20 === 0) };
}

function* bpeTexts(settings: Parameters<typeof worldTexts>[0]): Generator<string> {
  for (const { text } of worldTexts(settings)) yield ` ${text.toLowerCase()}`;
}

/** Trains one size; returns the model and its losses (nats a token) after copying and after labels. */
export async function pretrain(
  model: BaseModelPlan,
  plan: PretrainPlan,
  corpus: PretrainCorpus,
  threads: number,
  report: (phase: string, step: number, steps: number, loss: number, tokens: number) => void,
): Promise<{ model: LanguageModel; copyLoss: number; labelLoss: number; tokens: number; parameters: number }> {
  const config = baseConfig(model, corpus.tokenizer);
  const trained: LanguageModel = {
    config,
    parameters: initialParameters(config, plan.seed),
    tokenizer: corpus.tokenizer,
  };
  const phase = (
    name: string,
    steps: number,
    examples: (random: Random) => SupervisedExample[],
  ): ReturnType<typeof trainSupervised> =>
    trainSupervised(trained, {
      steps,
      learningRate: model.learningRate,
      warmupSteps: 50,
      weightDecay: 0.01,
      threads,
      batch: (step) => {
        const random = new Random('pretrain', plan.seed, model.name, name, step);
        return Array.from({ length: plan.batch }, () => examples(random)).flat();
      },
      report: (step, loss, tokens) => report(name, step, steps, loss, tokens),
    });
  const copy = await phase('copy', model.copySteps, (random) => [
    copyExample(random, plan, corpus),
    copyExample(random, plan, corpus),
  ]);
  const labels = await phase('labels', model.labelSteps, (random) => labelExamples(random, plan, corpus));
  return {
    model: trained,
    copyLoss: copy.loss,
    labelLoss: labels.loss,
    tokens: copy.tokens + labels.tokens,
    parameters: countParameters(trained.parameters),
  };
}

/** A few signals of anybody; the list is what each is about, in its own words: what grounding is made of. */
function copyExample(random: Random, plan: PretrainPlan, { worlds, tokenizer }: PretrainCorpus): SupervisedExample {
  const { dataset } = random.pick(worlds);
  const readers = dataset.readers('train');
  const signals = Array.from({ length: LIST_LINES.least + random.integer(3) }, () =>
    random.pick(random.pick(readers).signals),
  );
  const list = signals.map(({ kind, text }) => keyPhraseOfSignal({ kind, text })).filter((phrase) => phrase !== '');
  return {
    prompt: promptOf(signals, tokenizer, plan.maxPromptTokens),
    completion: completionOf(list.join('\n'), tokenizer),
  };
}

/** A reader of some world, and weak labels for it. */
function labelExamples(random: Random, plan: PretrainPlan, { worlds, tokenizer }: PretrainCorpus): SupervisedExample[] {
  const { dataset, label } = random.pick(worlds);
  const reader = random.pick(dataset.readers('train'));
  const { listsPerReader: lists, maxPromptTokens } = plan;
  return labelledExamples(reader, label, { lists, tokenizer, maxPromptTokens }, random);
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
