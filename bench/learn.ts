/**
 * `node bench/learn.ts`: Dr. GRPO from a base model on a generated world, without a pipeline: profile full's teacher settings, labelled
 * noise left out, the text encoder trained here. Recall@10 of test readers before and after, two lists each, and paired differences from
 * the baselines that know no model, which rank for the same readers. A minute or two a seed.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { baselines } from '../lib/baselines/simple.ts';
import { drawResamples, type Interval, meanInterval, pairedDifference } from '../lib/method/bootstrap.ts';
import { createLocalJudge } from '../lib/method/local-judge.ts';
import { promptOf } from '../lib/method/prompt.ts';
import { corpusStatistics } from '../lib/method/rubric.ts';
import { createPlan, loadConfig } from '../lib/pipeline/config.ts';
import { createDecoder } from '../lib/tensor/decoder.ts';
import { loadLanguageModel } from '../lib/tensor/language-model.ts';
import { createPolicyLearner } from '../lib/tensor/learner.ts';
import { linearRate, roundBatch } from '../lib/training/batch.ts';
import { writeLists } from '../lib/training/lists.ts';
import { readersOfRound, shardOf } from '../lib/training/order.ts';
import { judgeRanking, recallArticles } from '../lib/training/recall.ts';
import { scoreLists } from '../lib/training/scoring.ts';
import { openRankedWorld } from './generated-world.ts';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    world: { type: 'string', default: '77' },
    test: { type: 'string', default: '1000' },
    model: { type: 'string', default: join(root, 'models/base-l') },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
  },
});
const seed = Number(values.seed);
const threads = Number(values.threads);
const { teacher } = createPlan(loadConfig(join(root, 'pipelines.yaml')), {
  pipeline: 'nightly',
  profile: 'full',
  set: [],
}).settings;
const { dataset, embedder, indexOf } = await openRankedWorld({
  world: Number(values.world),
  train: 4000,
  test: Number(values.test),
  seed,
  threads,
});
const [fresh, index] = [await indexOf('train'), await indexOf('test')];
const readers = dataset.readers('test');
const judge = createLocalJudge({ corpus: corpusStatistics([...dataset.history, ...dataset.pool('train')]), embedder });

const model = loadLanguageModel(values.model);
const { tokenizer } = model;
const decoder = createDecoder(model, { threads });
const learner = await createPolicyLearner(model, {
  ...teacher,
  maxListTokens: teacher.rollout.maxListTokens,
  temperature: teacher.rollout.temperature,
  adamw: { betas: [0.9, 0.95], epsilon: 1e-8, ...teacher },
  lora: undefined,
  threads,
});

const before = await testRecall();
for (let round = 0; round < teacher.rounds; round++) {
  const some = readersOfRound(dataset.readers('train'), round, teacher.readers, seed);
  const lists = await writeLists(some, {
    decoder,
    tokenizer,
    settings: teacher.rollout,
    samples: teacher.group,
    stream: (readerId, sample) => [seed, 'rollout', round, readerId, sample],
  });
  const scores = await scoreLists(some, lists, { embedder, index: fresh, judge, weights: teacher.weights });
  const rollouts = lists.flat().map(({ readerId, ...list }) => ({ reader_id: readerId, ...list }));
  const { groups, metrics } = roundBatch(
    rollouts,
    scores.flat().map(({ readerId, ...score }) => ({ reader_id: readerId, ...score })),
    teacher,
    (id) =>
      promptOf(some.find(({ readerId }) => readerId === id)?.signals ?? [], tokenizer, teacher.rollout.maxPromptTokens),
  );
  for (let part = 0; part < teacher.updates; part++) {
    const step = round * teacher.updates + part;
    const rate = linearRate(teacher.learningRate, step, teacher.rounds * teacher.updates, teacher.warmupSteps);
    await learner.update(shardOf(groups, part, teacher.updates), rate);
  }
  await decoder.refresh();
  console.log(`round ${round + 1}: reward ${metrics.reward.toFixed(3)}, queries ${metrics.queries.toFixed(2)}`);
}
const after = await testRecall();

const resamples = drawResamples(readers.length, 1000, seed);
console.log(`start ${written(meanInterval(before, resamples))}, after ${written(meanInterval(after, resamples))}`);
for (const [name, rank] of Object.entries(baselines)) {
  const ranked = await rank(readers, { dataset, split: 'test', embedder, index, seed });
  if (ranked === null) continue;
  const recall = judgeRanking(readers, ranked, index.articleIds).map((of) => of['recall@10']);
  console.log(
    `${name} ${written(meanInterval(recall, resamples))}; the teacher's less this ${written(pairedDifference(after, recall, resamples))}`,
  );
}
await learner.release();
await decoder.release();

/** Recall@10 of each test reader, mean of two lists. */
async function testRecall(): Promise<number[]> {
  const lists = await writeLists(readers, {
    decoder,
    tokenizer,
    settings: teacher.rollout,
    samples: 2,
    stream: (readerId, sample) => [seed, 'learn', readerId, sample],
  });
  const recalls = [0, 1].map(async (sample) => {
    const ranked = await recallArticles(
      lists.map((ofReader) => ofReader[sample].queries),
      embedder,
      index,
    );
    return judgeRanking(readers, ranked, index.articleIds).map((of) => of['recall@10']);
  });
  const [first, second] = await Promise.all(recalls);
  return first.map((recall, i) => (recall + second[i]) / 2);
}

function written({ mean, low, high }: Interval): string {
  return `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}
