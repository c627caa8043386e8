import { describe, expect, it } from 'vitest';
import type { ArticleRow } from '../../lib/data/rows.ts';
import { openWorld } from '../../lib/data/world/world.ts';
import { Random } from '../../lib/random.ts';

/**
 * Whether the world poses the task it should: without any training, a bag of words must find that what readers do says more
 * than what is popular, and what they want more than what they do. `docs/world.md` has these numbers.
 */
const seed = Number(process.env.NEWSHOUND_WORLD_SEED ?? 2026);
const world = openWorld({
  seed,
  historyArticles: 4000,
  poolArticles: 2000,
  trainReaders: 0,
  devReaders: 0,
  testReaders: 300,
});
const { tables } = world;

type Bag = Map<string, number>;
const words = (text: string): string[] => text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
const pooled = new Set(tables.pool.filter(({ split }) => split === 'test').map(({ article_id }) => article_id));
const pool = tables.articles.filter(({ article_id }) => pooled.has(article_id));
const textOf = ({ title, abstract }: ArticleRow): string => `${title} ${abstract}`;
const frequency = new Map<string, number>();
for (const article of tables.articles) {
  for (const word of new Set(words(textOf(article)))) frequency.set(word, (frequency.get(word) ?? 0) + 1);
}

/** Words weighed by inverse document frequency, as a unit vector. */
function bag(text: string): Bag {
  const out: Bag = new Map();
  for (const word of new Set(words(text))) {
    const seen = frequency.get(word);
    if (seen !== undefined) out.set(word, Math.log(tables.articles.length / seen));
  }
  return unit(out);
}

function unit(of: Bag): Bag {
  const norm = Math.hypot(...of.values()) || 1;
  return new Map([...of].map(([word, weight]) => [word, weight / norm]));
}

function mean(bags: readonly Bag[]): Bag {
  const sum: Bag = new Map();
  for (const each of bags) for (const [word, weight] of each) sum.set(word, (sum.get(word) ?? 0) + weight);
  return unit(sum);
}

/** Which articles of the pool have a word, with its weight there. */
const postings = new Map<string, { index: number; weight: number }[]>();
for (const [index, article] of pool.entries()) {
  for (const [word, weight] of bag(textOf(article))) {
    const list = postings.get(word) ?? [];
    list.push({ index, weight });
    postings.set(word, list);
  }
}

function scores(query: Bag): Float64Array {
  const out = new Float64Array(pool.length);
  for (const [word, weight] of query) {
    for (const { index, weight: there } of postings.get(word) ?? []) out[index] += weight * there;
  }
  return out;
}

/** Share of the clicked articles among the ten best by the maximum over queries. */
function recall(queries: readonly Bag[], clicked: ReadonlySet<string>): number {
  const best = new Float64Array(pool.length);
  for (const query of queries) {
    const of = scores(query);
    for (let i = 0; i < best.length; i++) best[i] = Math.max(best[i], of[i]);
  }
  return recallOf(best, clicked);
}

function recallOf(score: Float64Array, clicked: ReadonlySet<string>): number {
  const order = [...score.keys()].sort((a, b) => score[b] - score[a]).slice(0, 10);
  return order.filter((i) => clicked.has(pool[i].article_id)).length / clicked.size;
}

const readers = tables.examples.map(({ reader_id }) => ({
  id: reader_id,
  signals: tables.signals.filter((signal) => signal.reader_id === reader_id && signal.label === 'keep'),
  clicked: new Set(tables.impressions.filter((row) => row.reader_id === reader_id).flatMap(({ clicked }) => clicked)),
}));
const random = new Random('bag of words', seed);
const clickCounts = pool.map(({ article_id }) => readers.filter(({ clicked }) => clicked.has(article_id)).length);
const average = (of: (reader: (typeof readers)[number]) => number): number =>
  readers.reduce((sum, reader) => sum + of(reader), 0) / readers.length;

const table = {
  random: average(({ clicked }) =>
    recallOf(
      Float64Array.from(pool, () => random.uniform()),
      clicked,
    ),
  ),
  // What the other readers click: known only in hindsight, so a generous popularity.
  popularity: average(({ clicked }) =>
    recallOf(
      Float64Array.from(pool, ({ article_id }, i) => clickCounts[i] - (clicked.has(article_id) ? 1 : 0)),
      clicked,
    ),
  ),
  'mean of clicks': average(({ signals, clicked }) =>
    recall([mean(signals.filter(({ kind }) => kind === 'click').map(({ text }) => bag(text)))], clicked),
  ),
  'mean of all signals': average(({ signals, clicked }) =>
    recall([mean(signals.map(({ text }) => bag(text)))], clicked),
  ),
  'every signal': average(({ signals, clicked }) =>
    recall(
      signals.map(({ text }) => bag(text)),
      clicked,
    ),
  ),
  'oracle, top 3': average(({ id, clicked }) =>
    recall(
      world
        .interests(id)
        .slice(0, 3)
        .map(({ query }) => bag(query)),
      clicked,
    ),
  ),
  'oracle, top 5': average(({ id, clicked }) =>
    recall(
      world
        .interests(id)
        .slice(0, 5)
        .map(({ query }) => bag(query)),
      clicked,
    ),
  ),
  'latent affinity': average(({ id, clicked }) =>
    recallOf(
      world.affinity(
        id,
        pool.map(({ article_id }) => article_id),
      ),
      clicked,
    ),
  ),
};

describe('a bag of words in the embedded world', () => {
  it('ranks random < popularity < mean of clicks < every signal < oracle < ceiling by Recall@10', () => {
    if (process.env.NEWSHOUND_WORLD_SEED) console.table(table);
    const order = [
      'random',
      'popularity',
      'mean of clicks',
      'every signal',
      'oracle, top 5',
      'latent affinity',
    ] as const;
    for (let i = 1; i < order.length; i++) expect(table[order[i]], order[i]).toBeGreaterThan(table[order[i - 1]]);
  });

  it('leaves room: the oracle finds at least a third more than every signal does', () => {
    expect(table['oracle, top 5']).toBeGreaterThan(1.33 * table['every signal']);
  });
});
