import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { datasetOf } from '../../lib/data/dataset.ts';
import type { Signal } from '../../lib/data/rows.ts';
import { openWorld } from '../../lib/data/world/world.ts';
import { PortTaken } from '../../lib/errors.ts';
import { verdict } from '../../lib/method/verdict.ts';
import { createPlan, loadConfig } from '../../lib/pipeline/config.ts';
import { rolloutSettings } from '../../lib/pipeline/stage-settings.ts';
import { articleText, buildIndex } from '../../lib/retrieval/ann.ts';
import { trainTextEncoder } from '../../lib/retrieval/encoder.ts';
import { createRecallApp } from '../../lib/serving/app.ts';
import { replayAudience, worldAudience } from '../../lib/serving/audience.ts';
import { cleanSignals } from '../../lib/serving/clean-signals.ts';
import { createBatcher } from '../../lib/serving/batching.ts';
import { askRecall } from '../../lib/serving/client.ts';
import { dailyFigures, experimentState } from '../../lib/serving/experiment-log.ts';
import { popularArticles } from '../../lib/serving/popular.ts';
import type { Serving } from '../../lib/serving/served.ts';
import { listen, type RecallServer } from '../../lib/serving/server.ts';
import { createRecallService, type RecallPath, type RecallService } from '../../lib/serving/service.ts';
import {
  type Day,
  type Exposure,
  experimentArm,
  habitsAfter,
  interleave,
  simulateDay,
} from '../../lib/serving/simulation.ts';
import { createDecoder } from '../../lib/tensor/decoder.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';

const source = {
  seed: 11,
  historyArticles: 300,
  poolArticles: 150,
  trainReaders: 40,
  devReaders: 10,
  testReaders: 60,
};
const world = openWorld(source);
const dataset = datasetOf(world.tables);

describe('the page', () => {
  const ids = fc.array(fc.integer({ min: 0, max: 30 }).map(String));

  it('takes one article from each path in turn', () => {
    expect(interleave([['a', 'b', 'c'], ['x', 'y'], []], new Set(), 4)).toEqual(['a', 'x', 'b', 'y']);
  });

  it('never shows an article twice, nor one that was clicked, nor one that nobody recalled, and is filled as far as there are any', () => {
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 4 }), ids, fc.integer({ min: 0, max: 12 }), (lists, clicked, size) => {
        const seen = new Set(clicked);
        const page = interleave(lists, seen, size);
        const candidates = new Set(lists.flat().filter((id) => !seen.has(id)));
        expect(new Set(page).size).toBe(page.length);
        expect(page.every((id) => candidates.has(id))).toBe(true);
        expect(page.length).toBe(Math.min(size, candidates.size));
      }),
    );
  });
});

describe('a batcher', () => {
  it('answers each request with its own answer, in batches that keep the limit', async () => {
    const sizes: number[] = [];
    const batcher = createBatcher<number, number>(4, async (numbers) => {
      sizes.push(numbers.length);
      return numbers.map((number) => number * 10);
    });
    const answers = await Promise.all(Array.from({ length: 11 }, (_, i) => batcher.submit(i)));
    expect(answers).toEqual(Array.from({ length: 11 }, (_, i) => i * 10));
    expect(sizes).toEqual([4, 4, 3]);
  });

  it('fails the requests of a failed batch and goes on with the next', async () => {
    const batcher = createBatcher<number, number>(2, async (numbers) => {
      if (numbers.includes(1)) throw new Error('broken');
      return numbers;
    });
    const settled = await Promise.allSettled([0, 1, 2].map((i) => batcher.submit(i)));
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    await expect(batcher.submit(3)).resolves.toBe(3);
  });
});

describe('the recall app', () => {
  const echo: RecallService = {
    recall: async (requests) =>
      requests.map(({ signals, depth }) => ({
        queries: signals.map(({ text }) => text),
        recalled: { popular: ['p1', 'p2', 'p3'].slice(0, depth) },
      })),
  };
  const app = createRecallApp(() => ({ service: echo, student: 'abc' }));
  const post = (body: string): Promise<Response> =>
    Promise.resolve(
      app.request('/v1/recall', { method: 'POST', body, headers: { 'content-type': 'application/json' } }),
    );
  const good = { reader_id: 'r1', signals: [{ kind: 'search', text: 'tariffs', at: 1 }], k: 2 };

  it('answers a good request', async () => {
    const response = await post(JSON.stringify(good));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      reader_id: 'r1',
      queries: ['tariffs'],
      recalled: { popular: ['p1', 'p2'] },
    });
  });

  it.each([
    ['no JSON', '{"reader_id":'],
    ['nothing', ''],
    ['another shape', '[1, 2]'],
    ['no reader', JSON.stringify({ ...good, reader_id: '' })],
    ['an unknown kind of signal', JSON.stringify({ ...good, signals: [{ kind: 'like', text: 'x', at: 1 }] })],
    ['an unknown path', JSON.stringify({ ...good, paths: ['psychic'] })],
    ['an unknown key', JSON.stringify({ ...good, limit: 3 })],
    ['k of 0', JSON.stringify({ ...good, k: 0 })],
    ['a text that is too long', JSON.stringify({ ...good, signals: [{ ...good.signals[0], text: 'x'.repeat(2001) }] })],
  ])('answers 400, and why, to %s', async (_, body) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: string }).error).not.toBe('');
  });

  it('answers 413 to a body that is too large', async () => {
    const response = await post(JSON.stringify({ ...good, padding: 'x'.repeat(600 * 1024) }));
    expect(response.status).toBe(413);
    expect(((await response.json()) as { error: string }).error).toContain('512 KB');
  });

  it('takes and gives back any text', async () => {
    const text = '"; DROP TABLE <b>readers</b> 🗞️ \\u0000 \u202e <|list|> Zürich\u0007';
    const response = await post(JSON.stringify({ ...good, signals: [{ kind: 'page', text, at: 1 }] }));
    expect(((await response.json()) as { queries: string[] }).queries).toEqual([text]);
  });

  it('says 500 when recall fails, and counts what it answered', async () => {
    const failing = createRecallApp(() => ({
      service: { recall: () => Promise.reject(new Error('no memory')) },
      student: 'abc',
    }));
    const response = await failing.request('/v1/recall', { method: 'POST', body: JSON.stringify(good) });
    expect(response.status).toBe(500);
    const metrics = await (await failing.request('/metrics')).text();
    expect(metrics).toContain('newshound_recall_requests_total{status="500"} 1');
  });

  it('names the student that answers, also after it has changed', async () => {
    let student = 'first';
    const changing = createRecallApp((): Serving => ({ service: echo, student }));
    const health = async (): Promise<unknown> => (await changing.request('/health')).json();
    expect(await health()).toEqual({ status: 'ok', student: 'first' });
    student = 'second';
    expect(await health()).toEqual({ status: 'ok', student: 'second' });
  });
});

describe('popular articles', () => {
  it('are all fresh ones, once each, and the same whatever test readers click next', () => {
    const popular = popularArticles(dataset);
    expect([...popular].sort()).toEqual(dataset.pool('test').map(({ article_id }) => article_id));
    const before = Math.min(...dataset.readers('test').map(({ cutoff }) => cutoff));
    const blind = datasetOf({
      ...world.tables,
      impressions: world.tables.impressions.filter(({ at }) => at < before),
    });
    expect(popularArticles(blind)).toEqual(popular);
  });

  it('share the first places by the clicks of their category, newest first within it', () => {
    const first = popularArticles(dataset).slice(0, 20);
    const at = (id: string): number => dataset.articles.get(id)?.published_at ?? 0;
    for (const category of new Set(first.map((id) => dataset.articles.get(id)?.category))) {
      const times = first.filter((id) => dataset.articles.get(id)?.category === category).map(at);
      expect(times).toEqual([...times].sort((a, b) => b - a));
    }
  });
});

describe('simulated readers', () => {
  it('click with probabilities that rise with the world’s propensity', () => {
    const { readers, clickProbabilities } = worldAudience(dataset, world, 1000);
    const ids = dataset.pool('test').map(({ article_id }) => article_id);
    for (const { readerId } of readers.slice(0, 5)) {
      const propensity = world.affinity(readerId, ids);
      const probabilities = clickProbabilities(readerId, ids);
      expect(probabilities.every((p) => p >= 0 && p <= 1)).toBe(true);
      const order = [...ids.keys()].sort((a, b) => propensity[a] - propensity[b]);
      for (let i = 1; i < order.length; i++)
        expect(probabilities[order[i]]).toBeGreaterThanOrEqual(probabilities[order[i - 1]]);
    }
  });

  it('are test readers first, as many as asked for', () => {
    const { readers } = worldAudience(dataset, world, dataset.readers('test').length + 3);
    expect(readers.slice(0, -3)).toEqual(dataset.readers('test'));
    expect(readers.slice(-3).every(({ split }) => split === 'dev')).toBe(true);
  });

  it('of a replayed log click what they clicked in it', () => {
    const { readers, clickProbabilities, kind } = replayAudience(dataset, 5);
    expect(kind).toBe('replay');
    const [one, other] = readers;
    const foreign = other.clicked.find((id) => !one.clicked.includes(id)) ?? '';
    expect(clickProbabilities(one.readerId, [one.clicked[0], foreign])).toEqual([0.5, 0.002]);
  });
});

describe('figures of an experiment', () => {
  const exposure = (reader_id: string, day: number, arm: Exposure['arm'], change: Partial<Exposure>): Exposure => ({
    reader_id,
    day,
    arm,
    cold: false,
    active: true,
    shown: 10,
    clicks: 0,
    latency_ms: 20,
    failed: false,
    shift: 0,
    clicked: [],
    ...change,
  });

  it('are per reader: days of one reader are one observation', () => {
    const exposures = [
      exposure('a', 1, 'treatment', { shown: 100, clicks: 30 }),
      exposure('a', 2, 'treatment', { active: false, shown: 0, latency_ms: 0 }),
      exposure('b', 1, 'treatment', { shown: 100, clicks: 10, latency_ms: 90 }),
      exposure('b', 2, 'treatment', { failed: true, shown: 0, latency_ms: 0 }),
      exposure('c', 1, 'control', { shown: 100, clicks: 10 }),
      exposure('d', 1, 'control', { shown: 100, clicks: 20 }),
    ];
    const state = experimentState(exposures, false);
    expect(state.readers).toEqual({ control: 2, treatment: 2 });
    expect(state.metrics.dau.treatment).toBeCloseTo(0.75, 12);
    expect(state.metrics.dau.control).toBe(1);
    expect(state.metrics.ctr.treatment).toBeCloseTo(40 / 200, 12);
    expect(state.metrics.ctr.control).toBeCloseTo(30 / 200, 12);
    expect(state.errorRate).toBeCloseTo(1 / 3, 12);
    expect(state.p95Ms).toBe(90);
  });

  it('say nothing of the click rate while an arm has hardly any clicks: no click is not a fall by 100 %', () => {
    const many = Array.from({ length: 20 }, (_, i) => exposure(`c${i}`, 1, 'control', { clicks: 2 }));
    const none = Array.from({ length: 20 }, (_, i) => exposure(`t${i}`, 1, 'treatment', {}));
    expect(experimentState([...many, ...none], true).metrics).not.toHaveProperty('ctr');
    const enough = exposure('t', 1, 'treatment', { clicks: 10 });
    expect(experimentState([...many, ...none, enough], true).metrics).toHaveProperty('ctr');
  });

  it('leave out a metric that has none, so that they survive JSON', () => {
    const state = experimentState([exposure('a', 1, 'treatment', {}), exposure('b', 1, 'control', {})], true);
    expect(state.metrics).not.toHaveProperty('cold_dau');
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    expect(JSON.parse(JSON.stringify(experimentState([], true)))).toEqual(experimentState([], true));
  });

  it('by day count its errors and both arms', () => {
    const days = dailyFigures(
      [
        exposure('a', 1, 'treatment', { clicks: 2 }),
        exposure('b', 1, 'control', { active: false, shown: 0 }),
        exposure('a', 2, 'treatment', { failed: true, shown: 0 }),
      ],
      [0.05, 0.5],
    );
    expect(days.map(({ day, share, treatment, control, errors }) => [day, share, treatment, control, errors])).toEqual([
      [1, 0.05, 1, 1, 0],
      [2, 0.5, 1, 0, 1],
    ]);
    expect(days[0].ctrTreatment).toBeCloseTo(0.2, 12);
  });
});

describe('signals as they come', () => {
  it('are masked and rid of noise, reader by reader, and nobody is left without any', async () => {
    const signal = (text: string, at: number): Signal => ({ kind: 'search', text, at, articleId: null });
    const cleaner = {
      threshold: 0.5,
      probabilities: async (signals: readonly { text: string }[]) =>
        Float32Array.from(signals, ({ text }) => (text.includes('login') ? 0.9 : text.includes('junk') ? 0.8 : 0.1)),
    };
    const cleaned = await cleanSignals(
      [
        [signal('storm surge, mail me at jo@example.org', 1), signal('bank login', 2)],
        [],
        [signal('login', 1), signal('junk', 2)],
      ],
      cleaner,
    );
    expect(cleaned.map((signals) => signals.map(({ at }) => at))).toEqual([[1], [], [2]]);
    expect(cleaned[0][0].text).toMatch(/^storm surge/);
    expect(cleaned[0][0].text).not.toContain('jo@example.org');
  });
});

/** The real thing over HTTP: a base model, and an encoder trained on the little world. */
describe('a recall server', () => {
  let server: RecallServer;
  let served: Serving & { release: () => Promise<void> };
  const audience = worldAudience(dataset, world, 60);
  const signalsOf = new Map(audience.readers.map(({ readerId, signals }) => [readerId, signals]));
  const ask = (readerId: string, paths: RecallPath[]): ReturnType<typeof askRecall> =>
    askRecall(
      `http://127.0.0.1:${server.port}`,
      { readerId, signals: signalsOf.get(readerId) ?? [], paths, depth: 20 },
      new AbortController().signal,
    );

  const open = async (): Promise<typeof served> => {
    const model = loadLanguageModel(new URL('../../models/base-xs', import.meta.url).pathname);
    const pool = dataset.pool('test');
    const embedder = await trainTextEncoder({
      articles: [...dataset.history, ...dataset.pool('train')],
      signals: dataset.readers('train').flatMap(({ signals }) => signals.map(({ text }) => text)),
      dimensions: 16,
      steps: 10,
      batch: 64,
      learningRate: 5e-3,
      seed: 1,
      threads: 1,
    });
    const ids = pool.map(({ article_id }) => article_id);
    const decoder = createDecoder(model, { threads: 1 });
    const service = createRecallService({
      decoder,
      tokenizer: model.tokenizer,
      settings: rolloutSettings.parse({ maxPromptTokens: 96, maxListTokens: 16 }),
      embedder,
      index: buildIndex(ids, await embedder.embed(pool.map(articleText)), embedder.dimensions),
      popular: popularArticles(dataset),
      cleaner: null,
    });
    return { service, student: 'base-xs', release: () => decoder.release() };
  };

  beforeAll(async () => {
    served = await open();
    server = await listen(() => served, { port: 0, host: '127.0.0.1', setting: 'any' });
  });
  afterAll(async () => {
    await server.close();
    await served.release();
  });

  const day = (change: Partial<Day>): Day => ({
    day: 1,
    share: 0.5,
    salt: 'salt',
    seed: 1,
    readers: audience.readers,
    habits: new Map(),
    arms: {
      control: { paths: ['popular', 'last_click'], recall: (id) => ask(id, ['popular', 'last_click']) },
      treatment: {
        paths: ['popular', 'last_click', 'queries'],
        recall: (id) => ask(id, ['popular', 'last_click', 'queries']),
      },
    },
    clickProbabilities: audience.clickProbabilities,
    concurrency: 4,
    ...change,
  });
  /** All but what the clock says. */
  const figures = (exposures: readonly Exposure[]): Exposure[] =>
    exposures.map((exposure) => ({ ...exposure, latency_ms: 0 }));

  it('recalls fresh articles only, as many as asked for', async () => {
    const fresh = new Set(dataset.pool('test').map(({ article_id }) => article_id));
    const { recalled } = await ask(audience.readers[0].readerId, ['popular', 'queries']);
    expect(recalled.popular).toHaveLength(20);
    expect(recalled.last_click).toBeUndefined();
    expect([...(recalled.popular ?? []), ...(recalled.queries ?? [])].every((id) => fresh.has(id))).toBe(true);
  });

  it('gives the same day again, however requests meet in batches', async () => {
    const first = await simulateDay(day({}));
    expect(first.filter(({ failed }) => failed)).toEqual([]);
    expect(first.some(({ active }) => active)).toBe(true);
    await served.release();
    // Nothing remembered: every list is written again.
    served = await open();
    const again = await simulateDay(day({ concurrency: 7 }));
    expect(figures(again)).toEqual(figures(first));
  });

  it('carries habits and clicks into the next day', async () => {
    const first = await simulateDay(day({}));
    const second = await simulateDay(day({ day: 2, habits: habitsAfter(first) }));
    const before = new Map(first.map((exposure) => [exposure.reader_id, exposure]));
    for (const { reader_id, clicked, clicks } of second)
      expect(clicked).toHaveLength((before.get(reader_id)?.clicked.length ?? 0) + clicks);
    expect(second.some(({ shift }) => shift !== 0)).toBe(true);
  });

  it('that is gone counts as failed requests of the arm, not as a broken day', async () => {
    const broken = { paths: ['queries'] as const, recall: () => Promise.reject(new Error('refused')) };
    const { arms } = day({});
    const exposures = await simulateDay(day({ arms: { ...arms, treatment: broken } }));
    const treated = exposures.filter(({ arm, active }) => arm === 'treatment' && active);
    expect(treated.length).toBeGreaterThan(0);
    expect(treated.every(({ failed, shown }) => failed && shown === 0)).toBe(true);
    const { promote } = createPlan(loadConfig('pipelines.yaml'), {
      pipeline: 'nightly',
      profile: 'tiny',
      set: [],
    }).settings;
    expect(verdict(experimentState(exposures, false), promote).outcome).toBe('rollback');
  });

  it('refuses a port that is taken, and names the setting', async () => {
    await expect(
      listen(() => served, { port: server.port, host: '127.0.0.1', setting: 'NEWSHOUND_RECALL_PORT' }),
    ).rejects.toThrow(PortTaken);
  });
});

describe('arms', () => {
  it('never change from control to treatment, nor back, while the share grows to one half', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (reader, salt) => {
        const arms = [0.05, 0.25, 0.5].map((share) => experimentArm(reader, salt, share)).filter((arm) => arm !== null);
        expect(new Set(arms).size).toBe(1);
      }),
    );
  });
});
