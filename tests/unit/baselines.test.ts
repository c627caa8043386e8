import { beforeAll, describe, expect, it } from 'vitest';
import { type RankerPlan, trainRanker } from '../../lib/baselines/ranker.ts';
import { type Baseline, type BaselineContext, baselines, newestKeyPhrases } from '../../lib/baselines/simple.ts';
import { networks, tuneBaseline } from '../../lib/baselines/tuning.ts';
import { openWalks } from '../../lib/baselines/walks.ts';
import { type Dataset, datasetOf } from '../../lib/data/dataset.ts';
import type { Reader, Signal, Split } from '../../lib/data/rows.ts';
import { generateWorld } from '../../lib/data/world/world.ts';
import { DataError } from '../../lib/errors.ts';
import { meanMetrics } from '../../lib/method/metrics.ts';
import { baselineNames } from '../../lib/pipeline/stage-settings.ts';
import { type AnnIndex, articleText, buildIndex } from '../../lib/retrieval/ann.ts';
import type { Embedder } from '../../lib/retrieval/embedder.ts';
import { trainTextEncoder } from '../../lib/retrieval/encoder.ts';
import { judgeRanking, RECALL_DEPTH } from '../../lib/training/recall.ts';

const POOL = 150;
const settings = { steps: 20, dimensions: 16, maxLength: 8, learningRate: 3e-3 };

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

  it('the newest key phrases are as many as asked for, the newest first; with enough of them they are all', async () => {
    const readers = dataset.readers('test');
    const all = await newestKeyPhrases(
      readers,
      readers.map(() => 1000),
      context,
    );
    const sorted = (ranked: readonly Int32Array[]) => ranked.map((of) => of.toSorted());
    expect(sorted(all)).toEqual(sorted(await baselines.key_phrases(readers, context)));
    const none = await newestKeyPhrases(readers.slice(0, 1), [0], context);
    expect(none[0]).toHaveLength(0);
    const last = readers[0].signals.slice(-1);
    const [one] = await newestKeyPhrases([readers[0]], [1], context);
    expect(one).toEqual((await baselines.key_phrases([{ ...readers[0], signals: last }], context))[0]);
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

function planOf(over: Partial<RankerPlan> = {}): RankerPlan {
  return {
    readers: dataset.readers('train'),
    index: trainIndex,
    embedder,
    settings,
    seed: 1,
    threads: 1,
    report: () => undefined,
    ...over,
  };
}

describe.each(baselineNames)('%s', (name) => {
  const train = (over: Partial<RankerPlan> = {}): ReturnType<typeof trainRanker> => {
    const plan = planOf(over);
    return trainRanker(networks[name](plan), plan);
  };

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

  it('moves every parameter: none is left out of the loss', async () => {
    const plan = planOf({ settings: { ...settings, steps: 2 } });
    const network = networks[name](plan);
    const before = new Map([...network.parameters].map(([parameter, { data }]) => [parameter, data.slice()]));
    await trainRanker(network, plan);
    for (const [parameter, { data }] of network.parameters) expect(data, parameter).not.toEqual(before.get(parameter));
  });

  it('refuses to train where nobody clicked an article of the pool, and says so', async () => {
    await expect(train({ readers: [] })).rejects.toThrow(DataError);
  });
});

describe.each(['gru4rec', 'sasrec', 'hstu', 'nrhub'] as const)('%s', (name) => {
  it('reads the newest signals only; other readers of the batch change nothing', async () => {
    const plan = planOf({ settings: { ...settings, steps: 5 } });
    const model = await trainRanker(networks[name](plan), plan);
    const long = readers.find(({ signals }) => signals.length > settings.maxLength) as Reader;
    const newest = { ...long, signals: long.signals.slice(-settings.maxLength) };
    const turned = { ...newest, signals: newest.signals.toReversed() };
    const [all, cut, other] = await model.rank([long, newest, turned], context.index);
    expect(cut).toEqual(all);
    // NRHUB pools: to it, their order is nothing but rounding.
    if (name !== 'nrhub') expect(other).not.toEqual(all);
  });
});

describe('before training', () => {
  it.each(baselineNames)('%s is nearly the mean of signals: it orders articles by the same cosines', async (name) => {
    const plan = planOf({ settings: { ...settings, steps: 1, learningRate: 1e-9, dimensions: embedder.dimensions } });
    const model = await trainRanker(networks[name](plan), plan);
    const start = recall(await model.rank(readers, context.index));
    expect(start).toBeGreaterThan(0.8 * recall(await baselines.mean_signals(readers, context)));
  });
});

describe('centroids of groups of signals', () => {
  it('recall what is near each group, where the mean of all is near none', async () => {
    const [one, other] = [0, 1].map((at) => context.index.articleIds[at]);
    const titles = [one, other].map((id) => context.dataset.articles.get(id)?.title ?? '');
    const signals = titles.flatMap((text) => [1, 2].map((at): Signal => ({ kind: 'page', text, at, articleId: null })));
    const [ranked] = await baselines.cluster_centroids([{ ...readers[0], signals }], context);
    expect(Array.from(ranked.slice(0, 2), (position) => context.index.articleIds[position]).sort()).toEqual(
      [one, other].sort(),
    );
    const [nothing] = await baselines.cluster_centroids([{ ...readers[0], signals: [] }], context);
    expect(nothing).toHaveLength(0);
  });
});

describe('walks', () => {
  const click = (articleId: string) => ({ kind: 'click' as const, text: `title of ${articleId}`, at: 0, articleId });
  const reader = (...ids: string[]): Reader => ({ ...blank(), signals: ids.map(click) });

  it('reach what is read by those who read the same, nearest first, and no other part of the graph', () => {
    const walks = openWalks([reader('a', 'b'), reader('b', 'c'), reader('d')], 1);
    const [a, b, c, d] = [walks.nodeOf(0, 0), walks.nodeOf(0, 1), walks.nodeOf(1, 1), walks.nodeOf(2, 0)];
    expect(walks.nodeOf(1, 0)).toBe(b);
    const { ids, weights } = walks.aroundReaders([0, 2], 3);
    expect(new Set(ids.subarray(0, 3))).toEqual(new Set([a, b, c]));
    expect(ids[2]).toBe(c);
    expect(weights.subarray(0, 3).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 6);
    expect([...ids.subarray(3)]).toEqual([d, 0, 0]);
    expect([...weights.subarray(3)]).toEqual([1, 0, 0]);
  });

  it('a node is not its own neighbour', () => {
    const walks = openWalks([reader('a', 'b'), reader('b', 'c')], 1);
    const { ids, weights } = walks.aroundNodes(2);
    for (let node = 0; node < walks.nodes; node++)
      for (let i = 0; i < 2; i++) if (weights[2 * node + i] > 0) expect(ids[2 * node + i]).not.toBe(node);
  });

  it('shares of visits approach those of the chain', () => {
    // One reader of a and b, one of b alone. From the first: b is visited by way of both, a by way of one.
    const { weights } = openWalks([reader('a', 'b'), reader('b')], 1).aroundReaders([0], 2);
    // Each visit is from reader 0 with probability p: p = ½ + ½ (of the last visit's node: all its readers alike), so p = ½ + ½ (p/2 + (1 - p/2) / 2).
    const p = (0.5 + 0.25) / (1 - 0.125);
    expect(weights[0]).toBeGreaterThan(1 - p / 2 - 0.1);
    expect(weights[0]).toBeLessThan(1 - p / 2 + 0.1);
  });
});

describe('tuning', () => {
  it('tries every learning rate with as many steps, and keeps the best for dev readers', async () => {
    const { steps, dimensions, maxLength } = settings;
    const learningRates = [1e-9, 3e-3, 0.3];
    const dev = { readers: dataset.readers('test').slice(0, 20), index: context.index };
    let last = 0;
    const { ranker, tuned } = await tuneBaseline('nrhub', {
      ...planOf(),
      settings: { steps, dimensions, maxLength, learningRates },
      dev,
      report: (fraction) => {
        expect(fraction).toBeGreaterThan(last);
        last = fraction;
      },
    });
    expect(last).toBeCloseTo(1, 9);
    expect(tuned.tried.map(({ learningRate }) => learningRate)).toEqual(learningRates);
    const best = Math.max(...tuned.tried.map(({ recall10 }) => recall10 ?? Number.NaN));
    expect(tuned.tried.find(({ learningRate }) => learningRate === tuned.learningRate)?.recall10).toBe(best);
    const judged = judgeRanking(dev.readers, await ranker.rank(dev.readers, dev.index), dev.index.articleIds);
    expect(meanMetrics(judged)['recall@10']).toBeCloseTo(best, 12);
  });

  it('with one learning rate there is nothing to choose, and dev readers are not asked', async () => {
    const { learningRate, ...shared } = settings;
    const { tuned } = await tuneBaseline('nrhub', {
      ...planOf(),
      settings: { ...shared, steps: 2, learningRates: [learningRate] },
      dev: { readers: [], index: context.index },
    });
    expect(tuned).toMatchObject({ learningRate, tried: [{ learningRate, recall10: null }] });
  });
});
