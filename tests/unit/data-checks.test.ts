import { describe, expect, it } from 'vitest';
import type { CanonicalTables } from '../../lib/data/canonical.ts';
import { checkTables } from '../../lib/data/checks.ts';
import type { Split } from '../../lib/data/rows.ts';
import { now } from '../../lib/data/world/calendar.ts';
import { generateWorld } from '../../lib/data/world/world.ts';
import { sourceSettings } from '../../lib/pipeline/stage-settings.ts';

const world = sourceSettings.parse({});
const tables = generateWorld({
  seed: 7,
  historyArticles: 60,
  poolArticles: 40,
  trainReaders: 10,
  devReaders: 5,
  testReaders: 5,
});
const warehouse = sourceSettings.parse({ kind: 'warehouse', path: 'export' });
const { signals, articles, impressions, examples, pool } = tables;
const trained = pool.filter(({ split }) => split === 'train')[0].article_id;

const readersOf = (split: Split): Set<string> =>
  new Set(examples.filter((example) => example.split === split).map(({ reader_id }) => reader_id));
const [trainReaders, devReaders] = [readersOf('train'), readersOf('dev')];

/** `rows` with the first one changed. */
const first = <Row>(rows: readonly Row[], change: Partial<Row>): Row[] => [{ ...rows[0], ...change }, ...rows.slice(1)];

describe('the data checks', () => {
  it('let the embedded world pass', () => {
    expect(() => checkTables(tables, world, now)).not.toThrow();
  });

  it.each<[string, Partial<CanonicalTables>, RegExp]>([
    ['an article without a title', { articles: first(articles, { title: ' ' }) }, /1 of \d+ articles have no title/],
    [
      'a null where text must be',
      { signals: first(signals, { text: null as unknown as string }) },
      /signals have no text \(the first: reader /,
    ],
    [
      'titles without spaces between words',
      { articles: articles.map((row) => ({ ...row, title: '東京で地震が発生' })) },
      /most titles are in a script that puts no spaces between words \(the first: 東京で地震が発生\), which is not supported/,
    ],
    ['a duplicate article', { articles: [...articles, articles[0]] }, /articles have an id that another has/],
    ['a duplicate pool row', { pool: [...pool, pool[0]] }, /1 of \d+ pool rows are twice in a pool/],
    [
      'a duplicate example',
      { examples: [...examples, { ...examples[0], cutoff: examples[0].cutoff + 1 }] },
      /examples are twice in a split/,
    ],
    [
      'a signal of an unknown article',
      { signals: first(signals, { article_id: 'nowhere' }) },
      /signals name an article that is not there \(the first: nowhere\)/,
    ],
    [
      'a signal of a reader without an example',
      { signals: first(signals, { reader_id: 'nobody' }) },
      /signals are of a reader without an example \(the first: nobody\)/,
    ],
    [
      'an impression of an unknown article',
      { impressions: first(impressions, { clicked: ['nowhere'] }) },
      /impressions have a click on an article that is not there \(the first: nowhere\)/,
    ],
    [
      'a pool row of an unknown article',
      { pool: first(pool, { article_id: 'nowhere' }) },
      /pool rows name an article that is not there/,
    ],
    [
      'an article of the future',
      { articles: first(articles, { published_at: now + 48 * 3_600_000 }) },
      /articles were published before 1990 or in the future \(the first: .*2026-01-03T/,
    ],
    [
      'seconds taken for milliseconds',
      { signals: first(signals, { at: 1.7e9 }) },
      /signals are before 1990.*1970-01-20/,
    ],
    ['a date that is none', { impressions: first(impressions, { at: Number.NaN }) }, /impressions are before.*NaN/],
    [
      'a reader at one cutoff in two splits',
      { examples: [...examples, { ...examples[0], split: 'test' }] },
      /the cutoff of another split/,
    ],
    [
      'an article of the train pool in test',
      { pool: [...pool, { split: 'test', article_id: trained }] },
      /pool rows of dev or test are in the pool of train too \(the first: .* in test\)/,
    ],
    [
      "a signal after its reader's cutoff",
      { signals: first(signals, { at: now - 1 }) },
      /signals are not before their reader's last cutoff/,
    ],
    [
      'a split in which nobody clicked',
      { impressions: impressions.map((row) => (devReaders.has(row.reader_id) ? { ...row, clicked: [] } : row)) },
      /no reader of the dev split clicked an article of its pool/,
    ],
    [
      'a train split that knows nothing of its readers',
      { signals: signals.filter(({ reader_id }) => !trainReaders.has(reader_id)) },
      /no reader of the train split has a signal before its clicks/,
    ],
    [
      'a split without readers',
      { examples: examples.filter(({ split }) => split !== 'dev') },
      /the dev split has no reader/,
    ],
    ['a split without a pool', { pool: pool.filter(({ split }) => split !== 'test') }, /the test split has no article/],
  ])('refuse %s', (_, change, message) => {
    expect(() => checkTables({ ...tables, ...change }, world, now)).toThrow(message);
  });

  it('name every failed check in one message', () => {
    const bad = { ...tables, articles: [...first(articles, { title: '' }), articles[1]] };
    expect(() => checkTables(bad, warehouse, now)).toThrow(
      /the warehouse source export is refused by 2 data checks: .*no title.*another has.*Correct the source/,
    );
  });
});
