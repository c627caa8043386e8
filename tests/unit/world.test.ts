import { describe, expect, it } from 'vitest';
import { periods } from '../../lib/data/world/calendar.ts';
import { topics } from '../../lib/data/world/lexicon/topics.ts';
import { worldTexts } from '../../lib/data/world/texts.ts';
import { generateWorld, openWorld, type WorldSettings } from '../../lib/data/world/world.ts';

const small: WorldSettings = {
  seed: 7,
  historyArticles: 800,
  poolArticles: 400,
  trainReaders: 120,
  devReaders: 40,
  testReaders: 120,
};
const world = openWorld(small);
const { tables } = world;
const articles = new Map(tables.articles.map((article) => [article.article_id, article]));
const examples = new Map(tables.examples.map((example) => [example.reader_id, example]));
const poolOf = new Map(tables.pool.map(({ split, article_id }) => [article_id, split]));
const share = <T>(rows: readonly T[], test: (row: T) => boolean): number => rows.filter(test).length / rows.length;

describe('the embedded world', () => {
  it('is the same again from the same seed, and another from another', () => {
    expect(generateWorld(small)).toEqual(tables);
    expect(generateWorld({ ...small, seed: 8 }).articles[0].title).not.toBe(tables.articles[0].title);
  });

  it('gives a reader the same signals however many others there are', () => {
    const more = generateWorld({ ...small, testReaders: 130, trainReaders: 10 });
    const signalsOf = (rows: typeof tables.signals): typeof tables.signals =>
      rows.filter(({ reader_id }) => reader_id === 'reader-test-00005');
    expect(signalsOf(more.signals)).toEqual(signalsOf(tables.signals));
  });

  it('refuses sizes too small to live in', () => {
    expect(() => generateWorld({ ...small, poolArticles: 5 })).toThrow(
      /at least 1 historyArticles and 40 poolArticles/,
    );
    expect(
      openWorld({ ...small, historyArticles: 1, poolArticles: 40 }).impressions.every(({ shown }) => shown.length > 0),
    ).toBe(true);
  });

  it('has as many articles and readers as asked, half the pool for dev', () => {
    expect(tables.articles).toHaveLength(800 + 400 + 200 + 400);
    expect(articles.size).toBe(tables.articles.length);
    expect(tables.pool).toHaveLength(1000);
    expect(tables.examples).toHaveLength(280);
    expect(examples.size).toBe(280);
    expect(tables.quarantine).toEqual([]);
  });

  it('publishes a pool inside its window, and history before every window', () => {
    for (const { article_id, published_at } of tables.articles) {
      const { start, end } = periods[poolOf.get(article_id) ?? 'history'];
      expect(published_at).toBeGreaterThanOrEqual(start);
      expect(published_at).toBeLessThan(end);
    }
  });

  it('lets no signal see past its cutoff, and no click precede its article', () => {
    for (const { reader_id, at, article_id, kind, text } of tables.signals) {
      expect(at).toBeLessThan(examples.get(reader_id)?.cutoff ?? 0);
      expect(kind === 'click').toBe(article_id !== null);
      if (article_id === null) continue;
      expect(articles.get(article_id)?.published_at).toBeLessThan(at);
      expect(articles.get(article_id)?.title).toBe(text);
    }
  });

  it('shows only articles of the pool that were out, among them all clicked, inside the window', () => {
    const clicks = new Map<string, string[]>();
    for (const { reader_id, at, shown, clicked } of world.impressions) {
      const split = examples.get(reader_id)?.split ?? 'train';
      expect(at).toBeGreaterThanOrEqual(periods[split].start);
      expect(at).toBeLessThan(periods[split].end);
      expect(shown.length).toBeGreaterThanOrEqual(10);
      expect(shown.length).toBeLessThanOrEqual(20);
      expect(new Set(shown).size).toBe(shown.length);
      for (const id of shown) {
        expect(poolOf.get(id)).toBe(split);
        expect(articles.get(id)?.published_at).toBeLessThanOrEqual(at);
      }
      expect(shown).toEqual(expect.arrayContaining(clicked));
      clicks.set(reader_id, [...(clicks.get(reader_id) ?? []), ...clicked]);
    }
    for (const { reader_id } of tables.examples) {
      const own = clicks.get(reader_id) ?? [];
      expect(new Set(own).size).toBe(own.length);
      expect(own.length).toBeGreaterThanOrEqual(3);
      expect(own.length).toBeLessThanOrEqual(6);
    }
  });

  it('names two to five interests a reader, weighing one together, heaviest first', () => {
    for (const { reader_id } of tables.examples) {
      const truth = world.interests(reader_id);
      expect(truth.length).toBeGreaterThanOrEqual(2);
      expect(truth.length).toBeLessThanOrEqual(5);
      expect(truth.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 9);
      expect(truth.map(({ weight }) => weight)).toEqual(truth.map(({ weight }) => weight).toSorted((a, b) => b - a));
      expect(tables.truth.filter((row) => row.reader_id === reader_id)).toEqual(truth);
    }
  });

  it('labels every signal, noise about a quarter of them, and clicks never as noise', () => {
    expect(tables.signals.every(({ label }) => label !== null)).toBe(true);
    expect(share(tables.signals, ({ label }) => label === 'drop')).toBeGreaterThan(0.17);
    expect(share(tables.signals, ({ label }) => label === 'drop')).toBeLessThan(0.33);
    expect(tables.signals.some(({ label, kind }) => label === 'drop' && kind === 'click')).toBe(false);
  });

  it('has cold readers, a quarter of all, who hardly click', () => {
    const clicks = (cold: boolean): number =>
      tables.signals.filter(({ reader_id, kind }) => kind === 'click' && examples.get(reader_id)?.cold === cold)
        .length / tables.examples.filter((example) => example.cold === cold).length;
    expect(share(tables.examples, ({ cold }) => cold)).toBeGreaterThan(0.15);
    expect(share(tables.examples, ({ cold }) => cold)).toBeLessThan(0.35);
    expect(clicks(true)).toBeLessThan(0.8);
    expect(clicks(false)).toBeGreaterThan(2);
  });

  it('types personal data into a few searches, all of it invented', () => {
    const personal = tables.signals.filter(({ kind, text }) => kind === 'search' && /@|555|4000/.test(text));
    expect(personal.length).toBeGreaterThan(5);
    expect(personal.length / tables.signals.length).toBeLessThan(0.03);
    for (const { text } of personal) expect(text).toMatch(/@(mail\.)?example\.(com|org|net)|555[- ]01\d\d|4000 ?00/);
  });

  it('keeps newcomers out of everything before the test window, and out of pretraining', () => {
    const names = topics.flatMap(({ entities, newcomers }) => entities.slice(entities.length - newcomers));
    const mentions = (text: string): boolean =>
      names.some(({ name }) => text.toLowerCase().includes(name.replace(/^the /, '').toLowerCase()));
    expect(
      tables.articles
        .filter(({ published_at }) => published_at < periods.test.start)
        .some(({ title }) => mentions(title)),
    ).toBe(false);
    expect(tables.truth.some(({ reader_id, query }) => !reader_id.startsWith('reader-test') && mentions(query))).toBe(
      false,
    );
    expect(tables.truth.some(({ reader_id, query }) => reader_id.startsWith('reader-test') && mentions(query))).toBe(
      true,
    );
    let texts = 0;
    for (const { text } of worldTexts(small)) {
      texts++;
      expect(mentions(text)).toBe(false);
    }
    expect(texts).toBeGreaterThan(2 * tables.articles.length);
  });

  it('writes whole sentences: no slot is left open, titles begin with a capital or a figure', () => {
    for (const { title, abstract } of tables.articles) {
      expect(`${title} ${abstract}`).not.toMatch(/[{}|]|undefined| {2}|\.\.|s's/);
      expect(title).toMatch(/^[A-Z0-9"]/);
      expect(abstract).toMatch(/^[A-Z0-9].*\.$/);
    }
    for (const { text } of tables.signals) {
      expect(text).not.toMatch(/[{}]|undefined/);
      expect(text.trim()).toBe(text);
      expect(text).not.toBe('');
    }
  });

  it('draws readers most to what the oracle names', () => {
    const texts = new Map(tables.articles.map((one) => [one.article_id, `${one.title} ${one.abstract}`.toLowerCase()]));
    const ids = tables.pool.filter(({ split }) => split === 'test').map(({ article_id }) => article_id);
    const pulls = { named: [] as number[], others: [] as number[] };
    for (const { reader_id } of tables.examples.filter(({ split }) => split === 'test').slice(0, 30)) {
      const queries = world.interests(reader_id).map(({ query }) => query.toLowerCase().split(' '));
      world.affinity(reader_id, ids).forEach((pull, i) => {
        const text = texts.get(ids[i]) ?? '';
        const isNamed = queries.some((words) => words.every((word) => text.includes(word)));
        pulls[isNamed ? 'named' : 'others'].push(pull);
      });
    }
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect([...pulls.named, ...pulls.others].every((pull) => pull >= 0 && Number.isFinite(pull))).toBe(true);
    expect(pulls.named.length).toBeGreaterThan(10);
    expect(mean(pulls.named)).toBeGreaterThan(10 * mean(pulls.others));
    expect(() => world.affinity('nobody', ids)).toThrow(/no "nobody"/);
    expect(() => world.affinity('reader-test-00003', ['nothing'])).toThrow(/no "nothing"/);
  });
});

describe('the lexicon', () => {
  it('has sixteen topics of at least twelve entities and seven aspects, each said in several ways', () => {
    expect(topics).toHaveLength(16);
    for (const { entities, newcomers, aspects } of topics) {
      expect(entities.length - newcomers).toBeGreaterThanOrEqual(12);
      expect(aspects).toHaveLength(7);
      for (const { key, clauses, nouns, searches } of aspects) {
        expect(key.split(' ').length).toBeGreaterThanOrEqual(2);
        expect(key.split(' ').length).toBeLessThanOrEqual(3);
        expect(clauses.length + nouns.length).toBeGreaterThanOrEqual(3);
        expect(searches.length).toBeGreaterThanOrEqual(2);
        for (const clause of clauses) expect(clause).toMatch(/\{[eb]\}/);
        for (const noun of nouns) expect(noun).not.toMatch(/[{}]/);
      }
    }
  });

  it('uses no name, alias or key phrase twice', () => {
    const names = topics.flatMap(({ entities }) => entities.flatMap(({ name, alias }) => [name, alias]));
    const keys = topics.flatMap(({ aspects }) => aspects.map(({ key }) => key));
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
