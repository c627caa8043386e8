/**
 * `node bench/rewards.ts`: what the five rewards give to lists made by rule, beside what those recall, and how well they tell a reader's
 * better list from the worse (lists that a base model writes). On train readers of a generated world: rewards are never chosen on test.
 */
import { parseArgs } from 'node:util';
import type { Reader } from '../lib/data/rows.ts';
import { annotatedList, casualList } from '../lib/data/world/annotation.ts';
import { generalQueries } from '../lib/data/world/lexicon/noise.ts';
import { topics } from '../lib/data/world/lexicon/topics.ts';
import { bareAspect, bareName, keyPhrase, type Subject } from '../lib/data/world/wording.ts';
import { createLocalJudge } from '../lib/method/local-judge.ts';
import { LIST_LINES, parseList } from '../lib/method/prompt.ts';
import { rewardNames } from '../lib/method/rewards.ts';
import { corpusStatistics } from '../lib/method/rubric.ts';
import { keyPhraseOfSignal } from '../lib/method/weak-labels.ts';
import { rewardWeights, rolloutSettings } from '../lib/pipeline/policy-settings.ts';
import { Random } from '../lib/random.ts';
import { createDecoder } from '../lib/tensor/decoder.ts';
import { loadLanguageModel } from '../lib/tensor/language-model.ts';
import { type WrittenList, writeLists } from '../lib/training/lists.ts';
import { judgeRanking, recallArticles } from '../lib/training/recall.ts';
import { type Score, scoreLists } from '../lib/training/scoring.ts';
import { openRankedWorld } from './generated-world.ts';

const { values } = parseArgs({
  options: {
    world: { type: 'string', default: '77' },
    readers: { type: 'string', default: '500' },
    model: { type: 'string', default: 'models/base-l' },
    samples: { type: 'string', default: '8' },
    temperature: { type: 'string', default: '0.7' },
    seed: { type: 'string', default: '1' },
  },
});
const seed = Number(values.seed);
const { world, dataset, embedder, indexOf } = await openRankedWorld({
  world: Number(values.world),
  train: 4000,
  test: 0,
  seed,
  threads: 2,
});
const readers = dataset.readers('train').slice(0, Number(values.readers));
const index = await indexOf('train');
const judge = createLocalJudge({
  corpus: corpusStatistics([...dataset.history, ...dataset.pool('train')]),
  embedder,
});

const subjects = new Map<string, Subject[]>();
for (const signal of world.tables.signals) {
  const about = world.about(signal);
  if (about === null) continue;
  const known = subjects.get(signal.reader_id) ?? [];
  subjects.set(signal.reader_id, [...known, about]);
}
const subjectOf = new Map<string, Subject>();
for (const [topic, { entities, aspects }] of topics.entries()) {
  for (const entity of entities.keys()) {
    for (const aspect of aspects.keys()) subjectOf.set(keyPhrase({ topic, entity, aspect }), { topic, entity, aspect });
  }
}

const random = new Random('bench rewards', seed);
const subjectFor = (query: string): Subject => {
  const subject = subjectOf.get(query);
  if (subject === undefined) throw new Error(`${query} is not in the lexicon`);
  return subject;
};
const annotated = readers.map(({ readerId }) => annotatedList(subjects.get(readerId) ?? [], LIST_LINES.least));
/** The query's entity with an aspect that none of the reader's signals is about. */
const wrongAspect = (query: string, { readerId }: Reader): string => {
  const subject = subjectFor(query);
  const met = (subjects.get(readerId) ?? []).filter(
    ({ topic, entity }) => topic === subject.topic && entity === subject.entity,
  );
  const others = [...topics[subject.topic].aspects.keys()].filter((one) => met.every(({ aspect }) => aspect !== one));
  return keyPhrase({ ...subject, aspect: random.pick(others) });
};
const rules: Record<string, (queries: string[], reader: Reader) => string[]> = {
  "the annotator's": (queries) => queries,
  'its first line on another aspect': ([first, ...others], reader) => [wrongAspect(first, reader), ...others],
  'every line on another aspect': (queries, reader) => queries.map((query) => wrongAspect(query, reader)),
  'its last line left out': (queries) => queries.slice(0, -1),
  'its names alone': (queries) => queries.map((query) => bareName(subjectFor(query))),
  'what happened, not to whom': (queries) => queries.map((query) => bareAspect(subjectFor(query))),
  'its last line a general one': (queries) => [...queries.slice(0, -1), random.pick(generalQueries)],
  'its first two lines': (queries) => queries.slice(0, 2),
  'what people write who are not told what for': (_, { readerId }) =>
    casualList(subjects.get(readerId) ?? [], LIST_LINES.least, random),
  "its last line another reader's": (queries) => [...queries.slice(0, -1), random.pick(random.pick(annotated))],
  'newest four key phrases': (_, { signals }) =>
    [
      ...new Set(
        signals
          .toReversed()
          .map((signal) => keyPhraseOfSignal(signal))
          .filter(Boolean),
      ),
    ].slice(0, 4),
  'newest four signals as they are': (_, { signals }) =>
    signals
      .toReversed()
      .map(({ text }) => text.toLowerCase())
      .slice(0, 4),
  'latent interests': (_, { readerId }) => world.interests(readerId).map(({ query }) => query),
};

const scored = (lists: WrittenList[][]): Promise<Score[][]> =>
  scoreLists(readers, lists, { embedder, index, judge, weights: rewardWeights.parse({}) });
const recalled = async (lists: readonly WrittenList[]): Promise<number[]> => {
  const ranked = await recallArticles(
    lists.map(({ queries }) => queries),
    embedder,
    index,
  );
  return judgeRanking(readers, ranked, index.articleIds).map((of) => of['recall@10']);
};
const row = (...cells: (string | number)[]): void =>
  console.log(`| ${cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(3) : cell)).join(' | ')} |`);

row('list', 'Recall@10', ...rewardNames, 'total');
row(...Array.from({ length: rewardNames.length + 3 }, () => '---'));
for (const [name, rule] of Object.entries(rules)) {
  const lists = readers.map((reader, i) => [writtenBy(reader, rule(annotated[i], reader))]);
  const scores = (await scored(lists)).flat();
  const parts = rewardNames.map((reward) => mean(scores.map((score) => score[reward] ?? Number.NaN)));
  row(name, mean(await recalled(lists.flat())), ...parts, mean(scores.map(({ total }) => total ?? Number.NaN)));
}

const model = loadLanguageModel(values.model);
const decoder = createDecoder(model, { threads: 2 });
const samples = Number(values.samples);
const lists = await writeLists(readers, {
  decoder,
  tokenizer: model.tokenizer,
  settings: rolloutSettings.parse({ temperature: Number(values.temperature) }),
  samples,
  stream: (readerId, sample) => [seed, 'bench rewards', readerId, sample],
});
await decoder.release();
const scores = await scored(lists);
const recalls = await Promise.all(lists[0].map((_, sample) => recalled(lists.map((ofReader) => ofReader[sample]))));
console.log(
  `\n${values.model} at ${values.temperature}, ${samples} lists of each of ${readers.length} readers: Recall@10 ${mean(recalls.flat()).toFixed(3)}, of the list with the highest total ${mean(best()).toFixed(3)}; correlation with Recall@10 within a reader:`,
);
row('lists', ...rewardNames, 'total');
row(...Array.from({ length: rewardNames.length + 2 }, () => '---'));
for (const [name, counts] of [
  ['all', () => true],
  ['of the right format', ({ valid }) => valid],
] as [string, (list: WrittenList) => boolean][]) {
  row(name, ...[...rewardNames, 'total' as const].map((reward) => withinReaders(reward, counts)));
}

function writtenBy({ readerId }: Reader, queries: readonly string[]): WrittenList {
  const text = queries.join('\n');
  const nothing = { tokens: new Int32Array(), logprobs: new Float32Array() };
  return { readerId, sample: 0, finished: true, text, ...nothing, ...parseList(text, true) };
}

/** Recall of each reader's list with the highest reward. */
function best(): number[] {
  return scores.map((ofReader, reader) => {
    const totals = ofReader.map(({ total }) => total ?? Number.NEGATIVE_INFINITY);
    return recalls[totals.indexOf(Math.max(...totals))][reader];
  });
}

/** Correlation of a reward with recall after each reader's means are taken off: what an advantage can learn from it. NaN where it does not vary. */
function withinReaders(reward: keyof Score, counts: (list: WrittenList) => boolean): number {
  const sums = { xx: 0, xy: 0, yy: 0 };
  for (const [reader, ofReader] of scores.entries()) {
    const some = ofReader.flatMap((score, sample) =>
      counts(lists[reader][sample]) ? [{ x: Number(score[reward]), y: recalls[sample][reader] }] : [],
    );
    const [meanX, meanY] = [mean(some.map(({ x }) => x)), mean(some.map(({ y }) => y))];
    for (const { x, y } of some) {
      sums.xx += (x - meanX) ** 2;
      sums.xy += (x - meanX) * (y - meanY);
      sums.yy += (y - meanY) ** 2;
    }
  }
  return sums.xy / Math.sqrt(sums.xx * sums.yy);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
