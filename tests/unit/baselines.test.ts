import { beforeAll, describe, expect, it } from 'vitest';
import { trainSasrec } from '../../lib/baselines/sasrec.ts';
import { type Baseline, type BaselineContext, baselines } from '../../lib/baselines/simple.ts';
import { type Dataset, datasetOf } from '../../lib/data/dataset.ts';
import type { Reader, Split } from '../../lib/data/rows.ts';
import { generateWorld } from '../../lib/data/world/world.ts';
import { DataError } from '../../lib/errors.ts';
import { meanMetrics } from '../../lib/method/metrics.ts';
import { type AnnIndex, articleText, buildIndex } from '../../lib/retrieval/ann.ts';
import type { Embedder } from '../../lib/retrieval/embedder.ts';
import { trainTextEncoder } from '../../lib/retrieval/encoder.ts';
import { judgeRanking, RECALL_DEPTH } from '../../lib/training/recall.ts';

const POOL = 150;
const settings = { steps: 20, dimensions: 16, maxLength: 8 };

let dataset: Dataset;
let embedder: Embedder;
let context: BaselineContext;
let trainIndex: AnnIndex;
let readers: Reader[];

beforeAll(async () => {
  dataset = datasetOf(
    generateWorld({
      seed: 5,
      historyArticles: 400,
      poolArticles: POOL,
      trainReaders: 60,
      devReaders: 0,
      testReaders: 40,
    }),
  );
  embedder = await trainTextEncoder({
    articles: [...dataset.history, ...dataset.pool('train')],
    signals: [],
    dimensions: 16,
    steps: 40,
    batch: 64,
    learningRate: 1e-2,
    seed: 1,
    threads: 1,
  });
  trainIndex = await indexOf('train');
  context = { dataset, split: 'test', embedder, index: await indexOf('test'), seed: 1 };
  readers = dataset.readers('test');
});

async function indexOf(split: Split): Promise<AnnIndex> {
  const pool = dataset.pool(split);
  const ids = pool.map(({ article_id }) => article_id);
  return buildIndex(ids, await embedder.embed(pool.map(articleText)), embedder.dimensions);
}

/** A test reader of whom nothing is known. */
function blank(): Reader {
  return { ...readers[0], readerId: 'blank', signals: [] };
}

function recall(ranked: readonly Int32Array[]): number {
  return meanMetrics(judgeRanking(readers, ranked, context.index.articleIds))['recall@10'];
}

function expectRanking(ranked: Int32Array): void {
  expect(ranked.length).toBeLessThanOrEqual(RECALL_DEPTH);
  expect(new Set(ranked).size).toBe(ranked.length);
  expect(ranked.every((position) => position >= 0 && position < POOL)).toBe(true);
}

describe('baselines', () => {
  it.for(Object.entries(baselines))(
    '%s names different articles of the pool, the same ones each time',
    async ([, rank]: [string, Baseline]) => {
      const ranked = (await rank(readers, context)) ?? [];
      expect(ranked).toHaveLength(readers.length);
      for (const one of ranked) expectRanking(one);
      expect(await rank(readers, context)).toEqual(ranked);
    },
  );

  it.for(Object.entries(baselines))(
    '%s has an answer for a reader without signals',
    async ([, rank]: [string, Baseline]) => {
      const [ranked] = (await rank([blank()], context)) ?? [];
      expectRanking(ranked);
    },
  );

  it('the oracle recalls more than every signal does, and that more than chance', async () => {
    const oracle = recall((await baselines.oracle(readers, context)) as Int32Array[]);
    const signals = recall(await baselines.signals_as_queries(readers, context));
    expect(oracle).toBeGreaterThan(signals);
    expect(signals).toBeGreaterThan(recall(await baselines.random(readers, context)));
  });

  it('there is no oracle where the latent interests are unknown', async () => {
    const real = datasetOf({ ...dataset.tables, truth: [] });
    expect(await baselines.oracle(real.readers('test'), { ...context, dataset: real })).toBeNull();
  });

  it("popularity leaves out the reader's own clicks", async () => {
    const { articleIds } = context.index;
    const [popular, rare] = [articleIds[7], articleIds[3]];
    const [one, two, three] = dataset.readers('test').map((reader) => reader.readerId);
    const clickedBy = { [one]: [popular, rare], [two]: [popular], [three]: [rare, popular] };
    const few = datasetOf({
      ...dataset.tables,
      examples: dataset.tables.examples.filter(({ reader_id }) => reader_id in clickedBy),
      impressions: dataset.tables.examples.flatMap(({ reader_id, cutoff }) => {
        const clicked = clickedBy[reader_id];
        return clicked ? [{ reader_id, at: cutoff + 1, shown: clicked, clicked }] : [];
      }),
    });
    const ranked = await baselines.popularity(few.readers('test'), { ...context, dataset: few });
    // Clicks of others: [popular, rare] is [2, 1] for the first reader and the third, [2, 2] for the second: a tie, by position.
    expect(ranked.map((of) => [...of.subarray(0, 3)])).toEqual([
      [7, 3, 0],
      [3, 7, 0],
      [7, 3, 0],
    ]);
    const alone = datasetOf({
      ...few.tables,
      examples: few.tables.examples.filter(({ reader_id }) => reader_id === one),
    });
    const [own] = await baselines.popularity(alone.readers('test'), { ...context, dataset: alone });
    expect([...own.subarray(0, 3)]).toEqual([0, 1, 2]);
  });

  it('the last click is the newest click, not the newest signal', async () => {
    const click = (text: string) => ({ kind: 'click' as const, text, at: 0, articleId: null });
    const [older, newer] = dataset.pool('test').map(({ title }) => click(title));
    const newest = { ...older, kind: 'search' as const };
    const [both] = await baselines.last_click([{ ...blank(), signals: [older, newer, newest] }], context);
    const [alone] = await baselines.last_click([{ ...blank(), signals: [newer] }], context);
    expect(both).toEqual(alone);
  });
});

describe('SASRec', () => {
  const train = (over: Partial<Parameters<typeof trainSasrec>[0]> = {}): ReturnType<typeof trainSasrec> =>
    trainSasrec({
      readers: dataset.readers('train'),
      index: trainIndex,
      embedder,
      settings,
      seed: 1,
      threads: 1,
      report: () => undefined,
      ...over,
    });

  it('lowers its loss, ends the same for the same seed, and ranks above chance', async () => {
    const losses: number[] = [];
    const model = await train({ report: (_, loss) => losses.push(loss) });
    expect(losses).toHaveLength(settings.steps);
    expect(model.loss).toBeLessThan(losses[0]);
    const ranked = await model.rank(readers, context.index);
    for (const one of ranked) expectRanking(one);
    expect(recall(ranked)).toBeGreaterThan(recall(await baselines.random(readers, context)));

    const again = await train();
    expect(again.loss).toBe(model.loss);
    expect(await again.rank(readers, context.index)).toEqual(ranked);
    expect((await train({ seed: 2 })).loss).not.toBe(model.loss);
  });

  it('trains on readers without signals, and ranks for them, without a NaN', async () => {
    const silent = dataset.readers('train').map((reader) => ({ ...reader, signals: [] }));
    const model = await train({ readers: silent });
    expect(model.loss).toBeGreaterThan(0);
    const [ranked] = await model.rank([blank()], context.index);
    expect(ranked).toHaveLength(RECALL_DEPTH);
    expectRanking(ranked);
  });

  it('reads the newest signals only, in their order; other readers of the batch change nothing', async () => {
    const model = await train({ settings: { ...settings, steps: 5 } });
    const long = readers.find(({ signals }) => signals.length > settings.maxLength) as Reader;
    const newest = { ...long, signals: long.signals.slice(-settings.maxLength) };
    const turned = { ...newest, signals: newest.signals.toReversed() };
    const [all, cut, other] = await model.rank([long, newest, turned], context.index);
    expect(cut).toEqual(all);
    expect(other).not.toEqual(all);
  });

  it('refuses to train where nobody clicked an article of the pool, and says so', async () => {
    await expect(train({ readers: [] })).rejects.toThrow(DataError);
  });
});
