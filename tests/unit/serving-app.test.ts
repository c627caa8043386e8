import { describe, expect, it } from 'vitest';
import type { Signal } from '../../lib/data/rows.ts';
import { createRecallApp } from '../../lib/serving/app.ts';
import { createBatcher, Overloaded } from '../../lib/serving/batching.ts';
import { cleanSignals } from '../../lib/serving/clean-signals.ts';
import type { Serving } from '../../lib/serving/served.ts';
import type { RecallService } from '../../lib/serving/service.ts';

describe('a batcher', () => {
  it('answers each request with its own answer, in batches that keep the limit', async () => {
    const sizes: number[] = [];
    const batcher = createBatcher<number, number>({ limit: 4, waiting: 100 }, async (numbers) => {
      sizes.push(numbers.length);
      return numbers.map((number) => number * 10);
    });
    const answers = await Promise.all(Array.from({ length: 11 }, (_, i) => batcher.submit(i)));
    expect(answers).toEqual(Array.from({ length: 11 }, (_, i) => i * 10));
    expect(sizes).toEqual([4, 4, 3]);
  });

  it('fails the request that a batch fails for, and goes on with the next', async () => {
    const batcher = createBatcher<number, number>({ limit: 2, waiting: 100 }, async (numbers) => {
      if (numbers.includes(1)) throw new Error('broken');
      return numbers;
    });
    const settled = await Promise.allSettled([0, 1, 2].map((i) => batcher.submit(i)));
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expect(batcher.submit(3)).resolves.toBe(3);
  });

  it('refuses more than may wait, and does not work for who is gone', async () => {
    const seen: number[] = [];
    const batcher = createBatcher<number, number>({ limit: 1, waiting: 2 }, async (numbers) => {
      seen.push(...numbers);
      return numbers;
    });
    const gone = new AbortController();
    const first = batcher.submit(1);
    void batcher.submit(2, gone.signal);
    await expect(batcher.submit(3)).rejects.toThrow(Overloaded);
    gone.abort();
    await first;
    await expect(batcher.submit(4)).resolves.toBe(4);
    expect(seen).toEqual([1, 4]);
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
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  const app = createRecallApp(() => ({ service: echo, student: 'abc' }), say);
  const post = (body: string): Promise<Response> =>
    Promise.resolve(
      app.request('/v1/recall', { method: 'POST', body, headers: { 'content-type': 'application/json' } }),
    );
  const good = { reader_id: 'r1', signals: [{ kind: 'search', text: 'tariffs', at: 1 }], k: 2 };

  it('says which student it serves, and how long ago it last knew that this is the one to serve', async () => {
    const health = await app.request('/health');
    expect(await health.json()).toEqual({ status: 'ok', student: 'abc' });
    const checkedAt = Date.now() - 90_000;
    const cutOff = createRecallApp(() => ({ service: echo, student: 'abc', checkedAt }), say);
    const { checked_seconds_ago: seconds, ...rest } = (await (await cutOff.request('/health')).json()) as {
      checked_seconds_ago: number;
    };
    expect(rest).toEqual({ status: 'ok', student: 'abc' });
    expect(seconds).toBeGreaterThanOrEqual(90);
    expect(seconds).toBeLessThan(3600);
  });

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

  it('says shortly what is wrong with a body, however much is', async () => {
    for (const body of [
      { ...good, paths: Array.from({ length: 50_000 }, () => 0) },
      { ...good, ['x'.repeat(100_000)]: 1 },
    ]) {
      const response = await post(JSON.stringify(body));
      expect(response.status).toBe(400);
      expect((await response.text()).length).toBeLessThan(2000);
    }
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
    const failing = createRecallApp(
      () => ({ service: { recall: () => Promise.reject(new Error('no memory in /home/op')) }, student: 'abc' }),
      say,
    );
    const response = await failing.request('/v1/recall', { method: 'POST', body: JSON.stringify(good) });
    expect(response.status).toBe(500);
    // What failed is the operator's, not the stranger's.
    expect(await response.json()).toEqual({ error: 'recall failed' });
    expect(said).toEqual(['recall failed: no memory in /home/op']);
    const metrics = await (await failing.request('/metrics')).text();
    expect(metrics).toContain('newshound_recall_requests_total{status="500"} 1');
  });

  it('names the student that answers, also after it has changed', async () => {
    let student = 'first';
    const changing = createRecallApp((): Serving => ({ service: echo, student }), say);
    const health = async (): Promise<unknown> => (await changing.request('/health')).json();
    expect(await health()).toEqual({ status: 'ok', student: 'first' });
    student = 'second';
    expect(await health()).toEqual({ status: 'ok', student: 'second' });
  });
});

describe('signals as they come', () => {
  it('are masked and rid of noise, reader by reader, and nobody is left without any', async () => {
    const signal = (text: string, at: number): Signal => ({ kind: 'search', text, at, articleId: null });
    const cleaner = {
      kinds: ['search', 'click'] as const,
      threshold: 0.5,
      probabilities: async (signals: readonly { text: string }[]) =>
        Float32Array.from(signals, ({ text }) => (text.includes('login') ? 0.9 : text.includes('junk') ? 0.8 : 0.1)),
    };
    const cleaned = await cleanSignals(
      [
        [signal('storm surge, mail me at jo@example.org', 1), signal('bank login', 2)],
        [],
        [signal('login', 1), signal('junk', 2)],
        [{ ...signal('a page', 1), kind: 'page' }],
      ],
      cleaner,
    );
    expect(cleaned.map((signals) => signals.map(({ at }) => at))).toEqual([[1], [], [2], []]);
    expect(cleaned[0][0].text).toMatch(/^storm surge/);
    expect(cleaned[0][0].text).not.toContain('jo@example.org');
  });
});
