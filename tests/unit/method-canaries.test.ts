import { describe, expect, it } from 'vitest';
import type { ArticleRow, Reader } from '../../lib/data/rows.ts';
import { generateWorld } from '../../lib/data/world/world.ts';
import { JudgeError } from '../../lib/errors.ts';
import { checkCanaries, degenerateKinds, scoreCanaries } from '../../lib/method/canaries.ts';
import type { Judge } from '../../lib/method/judge.ts';
import { createLocalJudge } from '../../lib/method/local-judge.ts';
import { corpusStatistics } from '../../lib/method/rubric.ts';
import { isContent, words } from '../../lib/method/words.ts';
import { keyOf, uniformAt } from '../../lib/random.ts';
import type { Embedder } from '../../lib/retrieval/embedder.ts';

const DIMENSIONS = 128;

/** Bag of content words under a random projection: near where words are shared. */
const embedder: Embedder = {
  dimensions: DIMENSIONS,
  embed: async (texts) => {
    const rows = new Float32Array(texts.length * DIMENSIONS);
    texts.forEach((text, i) => {
      const row = rows.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS);
      for (const word of words(text).filter(isContent)) {
        const key = keyOf(word);
        for (let d = 0; d < DIMENSIONS; d++) row[d] += uniformAt(key, d) < 0.5 ? -1 : 1;
      }
      const length = Math.hypot(...row);
      if (length > 0) for (let d = 0; d < DIMENSIONS; d++) row[d] /= length;
    });
    return rows;
  },
};

const tables = generateWorld({
  seed: 7,
  historyArticles: 600,
  poolArticles: 200,
  trainReaders: 40,
  devReaders: 1,
  testReaders: 1,
});
const articles = new Map<string, ArticleRow>(tables.articles.map((article) => [article.article_id, article]));
const readers: Reader[] = tables.examples
  .filter(({ split }) => split === 'train')
  .map(({ reader_id, split, cutoff, cold }) => ({
    readerId: reader_id,
    split,
    cutoff,
    cold,
    signals: tables.signals
      .filter((signal) => signal.reader_id === reader_id && signal.label !== 'drop')
      .map(({ kind, text, at, article_id }) => ({ kind, text, at, articleId: article_id })),
    clicked: [],
  }));
const local = createLocalJudge({ corpus: corpusStatistics(tables.articles), embedder });

describe('canary lists', () => {
  it('the local judge ranks honest lists above every degenerate kind', async () => {
    const scores = await checkCanaries({
      judge: local,
      embedder,
      readers,
      articles,
      old: tables.articles,
      margin: 0.05,
    });
    for (const kind of degenerateKinds) expect(scores.honest - scores[kind]).toBeGreaterThan(0.05);
    expect(scores.empty).toBe(0);
  });

  it('a judge that praises everything stops the run, which says what it ranked wrongly', async () => {
    const flatterer: Judge = { judge: async (batch) => batch.map(() => ({ coverage: 1, specificity: 1 })) };
    const checking = checkCanaries({
      judge: flatterer,
      embedder,
      readers,
      articles,
      old: tables.articles,
      margin: 0.05,
    });
    await expect(checking).rejects.toBeInstanceOf(JudgeError);
    await expect(checking).rejects.toThrow(/fixed 2\.000.*repeated 2\.000/);
  });

  it('a judge of specificity alone is caught by the fixed list', async () => {
    const ungrounded: Judge = {
      judge: async (batch) =>
        batch.map(({ queries }) => ({ coverage: 0, specificity: Math.min(1, words(queries.join(' ')).length / 10) })),
    };
    await expect(
      checkCanaries({ judge: ungrounded, embedder, readers, articles, old: tables.articles, margin: 0.05 }),
    ).rejects.toThrow('fixed');
  });

  it('missing judgements are left out of the means; a kind with none fails the check', async () => {
    let call = 0;
    const sometimes: Judge = {
      judge: async (batch) => (await local.judge(batch)).map((judgement) => (call++ % 7 === 0 ? null : judgement)),
    };
    const scores = await scoreCanaries({
      judge: sometimes,
      embedder,
      readers,
      articles,
      old: tables.articles,
      margin: 0,
    });
    expect(scores.honest).toBeGreaterThan(scores.fixed);
    const silent: Judge = { judge: async (batch) => batch.map(() => null) };
    await expect(
      checkCanaries({ judge: silent, embedder, readers, articles, old: tables.articles, margin: 0 }),
    ).rejects.toBeInstanceOf(JudgeError);
  });
});
