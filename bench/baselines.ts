/**
 * `node bench/baselines.ts`: every baseline on a generated world, as docs/experiments.md tells it. World 77, labelled noise left out, the
 * text encoder trained here; one line a method, then the paired difference from the mean of signals. No language model is run.
 */
import { parseArgs } from 'node:util';
import { type BaselineContext, baselines } from '../lib/baselines/simple.ts';
import { tuneBaseline } from '../lib/baselines/tuning.ts';
import { drawResamples, type Interval, meanInterval, pairedDifference } from '../lib/method/bootstrap.ts';
import { baselineNames } from '../lib/pipeline/stage-settings.ts';
import { judgeRanking } from '../lib/training/recall.ts';
import { openRankedWorld } from './generated-world.ts';

const { values } = parseArgs({
  options: {
    world: { type: 'string', default: '77' },
    train: { type: 'string', default: '4000' },
    test: { type: 'string', default: '1000' },
    steps: { type: 'string', default: '150' },
    rates: { type: 'string', default: '0.0003,0.001,0.003' },
    only: { type: 'string', default: baselineNames.join(',') },
    seed: { type: 'string', default: '1' },
    dimensions: { type: 'string', default: '64' },
  },
});
const seed = Number(values.seed);
const threads = 2;
const { dataset, embedder, indexOf } = await openRankedWorld({
  world: Number(values.world),
  train: Number(values.train),
  test: Number(values.test),
  seed,
  threads,
});
const [train, dev, index] = [await indexOf('train'), await indexOf('dev'), await indexOf('test')];
const readers = dataset.readers('test');
const resamples = drawResamples(readers.length, 1000, seed);
const recallOf = (ranked: readonly Int32Array[]): number[] =>
  judgeRanking(readers, ranked, index.articleIds).map((of) => of['recall@10']);
console.log(
  `${dataset.readers('train').length} train, ${dataset.readers('dev').length} dev, ${readers.length} test readers`,
);

const context: BaselineContext = { dataset, split: 'test', embedder, index, seed };
const measured: Record<string, number[]> = {};
for (const [name, rank] of Object.entries(baselines)) {
  const ranked = await rank(readers, context);
  if (ranked === null) continue;
  measured[name] = recallOf(ranked);
  console.log(`${name}: ${written(meanInterval(measured[name], resamples))}`);
}
for (const name of baselineNames.filter((baseline) => values.only.split(',').includes(baseline))) {
  const start = process.cpuUsage();
  const { ranker, tuned } = await tuneBaseline(name, {
    readers: dataset.readers('train'),
    index: train,
    dev: { readers: dataset.readers('dev'), index: dev },
    embedder,
    settings: {
      steps: Number(values.steps),
      dimensions: Number(values.dimensions),
      maxLength: 20,
      learningRates: values.rates.split(',').map(Number),
    },
    seed,
    threads,
    report: () => undefined,
  });
  const { user, system } = process.cpuUsage(start);
  measured[name] = recallOf(await ranker.rank(readers, index));
  const difference = pairedDifference(measured[name], measured.mean_signals, resamples);
  console.log(
    `${name}: ${written(meanInterval(measured[name], resamples))}, minus mean of signals ${written(difference)}; ${((user + system) / 1e6).toFixed(0)} s of a core; ${JSON.stringify(tuned)}`,
  );
}

function written({ mean, low, high }: Interval): string {
  return `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}
