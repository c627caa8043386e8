import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { datasetOf } from '../../lib/data/dataset.ts';
import { PortTaken } from '../../lib/errors.ts';
import { verdict } from '../../lib/method/verdict.ts';
import { createPlan, loadConfig } from '../../lib/pipeline/config.ts';
import { rolloutSettings } from '../../lib/pipeline/policy-settings.ts';
import { articleText, buildIndex } from '../../lib/retrieval/ann.ts';
import { trainTextEncoder } from '../../lib/retrieval/encoder.ts';
import { worldAudience } from '../../lib/serving/audience.ts';
import { askRecall } from '../../lib/serving/client.ts';
import { experimentState } from '../../lib/serving/experiment-log.ts';
import { popularArticles } from '../../lib/serving/popular.ts';
import type { Serving } from '../../lib/serving/served.ts';
import { listen, type RecallServer } from '../../lib/serving/server.ts';
import { createRecallService, type RecallPath } from '../../lib/serving/service.ts';
import { type Day, type Exposure, habitsAfter, mostClicked, simulateDay } from '../../lib/serving/simulation.ts';
import { createDecoder } from '../../lib/tensor/decoder.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import { dataset, settings, world } from './serving-world.ts';

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

/** The real thing over HTTP: a base model, and an encoder trained on the little world. */
describe('a recall server', () => {
  let server: RecallServer;
  let served: Serving & { release: () => Promise<void> };
  const audience = worldAudience(settings, 60);
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

  it('closes in seconds, whatever a client that sent half of a request waits for', { timeout: 20_000 }, async () => {
    const other = await listen(() => served, { port: 0, host: '127.0.0.1', setting: 'any', say: () => undefined });
    const client = connect(other.port, '127.0.0.1');
    client.on('error', () => undefined);
    const ended = new Promise((closed) => client.once('close', closed));
    await new Promise<void>((written) =>
      client.write('POST /v1/recall HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{', () => written()),
    );
    await other.close();
    await ended;
  });

  beforeAll(async () => {
    served = await open();
    server = await listen(() => served, { port: 0, host: '127.0.0.1', setting: 'any', say: () => undefined });
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
    popular: [],
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

  it('shows what readers clicked before as popular, in both arms', async () => {
    const every = (_: string, ids: readonly string[]): number[] => ids.map(() => 1);
    const first = await simulateDay(day({ clickProbabilities: every }));
    const [known] = mostClicked(first);
    const times = (id: string): number => first.filter(({ clicked }) => clicked.includes(id)).length;
    for (const { clicked } of first) for (const id of clicked) expect(times(id)).toBeLessThanOrEqual(times(known));

    const shown = new Map<string, string[]>();
    const clickProbabilities = (readerId: string, ids: readonly string[]): number[] => {
      shown.set(readerId, [...ids]);
      return ids.map(() => 0);
    };
    const second = await simulateDay(day({ day: 2, popular: [known], clickProbabilities }));
    const came = second.filter(({ active }) => active);
    expect(new Set(came.map(({ arm }) => arm))).toEqual(new Set(['control', 'treatment']));
    for (const { reader_id } of came) expect(shown.get(reader_id)?.[0]).toBe(known);
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
    expect(verdict(experimentState(exposures, false, promote.guardrails), promote).outcome).toBe('rollback');
  });

  it('refuses a port that is taken, and names the setting', async () => {
    await expect(
      listen(() => served, {
        port: server.port,
        host: '127.0.0.1',
        setting: 'NEWSHOUND_RECALL_PORT',
        say: () => undefined,
      }),
    ).rejects.toThrow(PortTaken);
  });
});
