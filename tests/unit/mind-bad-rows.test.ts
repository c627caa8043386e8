import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkTables } from '../../lib/data/checks.ts';
import { readMind } from '../../lib/data/mind.ts';
import { ConfigError, DataError } from '../../lib/errors.ts';
import { sourceSettings } from '../../lib/pipeline/stage-settings.ts';
import { allNews, dev, news, now, reasonsOf, sample, train } from './mind-folder.ts';

describe('a MIND folder with bad rows', () => {
  it('quarantines bad rows with their place and reason', async () => {
    const source = sample({
      'news.tsv': [
        ...allNews,
        news('N1', 'Again'),
        news('N10', ' '),
        'N11\tnews\tworld\tNo more',
        '\tnews\t\tt\t\t\t\t',
      ],
      'train/behaviors.tsv': [
        ...train,
        '1\tU1\t11/9/2019 8:00:00 AM\tN1\tN4-1',
        '4\t\t11/9/2019 8:00:00 AM\tN1\tN4-1',
        '5\tU9\t2019-11-09 8\tN1\tN4-1',
        '6\tU9\t02/30/2019 8:00:00 AM\tN1\tN4-1',
        '7\tU9\t11/9/2029 8:00:00 AM\tN1\tN4-1',
        '8\tU9\t11/9/1989 8:00:00 AM\tN1\tN4-1',
        '9\tU9\t11/9/2019 8:00:00 AM\tN1\tN4 N5',
        '10\tU9\t11/9/2019 8:00:00 AM\tN1\t',
        Buffer.from([0x31, 0x31, 0x09, 0xff, 0xfe]),
        `12${'x'.repeat(500)}`,
      ],
    });
    const tables = await readMind(source, now);
    expect(reasonsOf(tables)).toEqual([
      ['news.tsv', 10, 'duplicate article id'],
      ['news.tsv', 11, 'empty title'],
      ['news.tsv', 12, '4 columns, not 5'],
      ['news.tsv', 13, 'article id empty or with spaces'],
      ['train/behaviors.tsv', 4, 'duplicate impression'],
      ['train/behaviors.tsv', 5, 'empty impression or user id'],
      ['train/behaviors.tsv', 6, 'unknown date'],
      ['train/behaviors.tsv', 7, 'unknown date'],
      ['train/behaviors.tsv', 8, 'date in the future'],
      ['train/behaviors.tsv', 9, 'date before 1990'],
      ['train/behaviors.tsv', 10, 'impressions without -0 or -1, as in a test split'],
      ['train/behaviors.tsv', 11, 'malformed impressions'],
      ['train/behaviors.tsv', 12, 'not UTF-8'],
      ['train/behaviors.tsv', 13, '1 columns, not 5'],
    ]);
    expect(tables.quarantine.at(-1)?.text).toHaveLength(200);
    expect({ ...tables, quarantine: [] }).toEqual({ ...(await readMind(sample(), now)), quarantine: [] });
    expect(() => checkTables(tables, { ...source, quarantineLimit: 0.05 }, now)).toThrow(
      /14 rows \(\d+\.?\d* %\) cannot be used, source\.quarantineLimit allows 5 %: unknown date \(2 ×, first at train\/behaviors\.tsv:6\)/,
    );
  });

  it('counts articles that news.tsv lacks, and refuses them where they are many', async () => {
    const source = sample({ 'dev/behaviors.tsv': [...dev, '3\tU4\t11/15/2019 9:00:00 AM\tX1 N1\tX2-1 N7-0'] });
    const tables = await readMind(source, now);
    expect(reasonsOf(tables)).toEqual([
      ['dev/behaviors.tsv', 0, 'unknown articles, left out of the rows that name them'],
      ['dev/behaviors.tsv', 0, 'unknown articles, left out of the rows that name them'],
    ]);
    expect(tables.quarantine.map(({ text }) => text)).toEqual([
      '1 of 7 references of histories are to 1 articles that news.tsv lacks: X1',
      '1 of 6 references of what was shown are to 1 articles that news.tsv lacks: X2',
    ]);
    expect(tables.impressions.at(-1)).toMatchObject({ reader_id: 'U4', clicked: [] });
    await expect(readMind({ ...source, quarantineLimit: 0.1 }, now)).rejects.toThrow(
      /dev\/behaviors\.tsv: 1 of 6 references of what was shown are to 1 articles that news\.tsv lacks/,
    );
  });

  it('is refused where a file has no usable row, with the format it must have', async () => {
    await expect(readMind(sample({ 'train/behaviors.tsv': ['a,b', 'c,d'] }), now)).rejects.toThrow(
      /train\/behaviors\.tsv has no usable row among 2 \(line 1: 1 columns, not 5\)\. It must be tab-separated columns, these first: impression id/,
    );
    const unlabelled = Array.from({ length: 10_001 }, (_, i) => `${i}\tU1\t11/9/2019 8:00:00 AM\tN1\tN4 N5`);
    await expect(readMind(sample({ 'dev/behaviors.tsv': unlabelled }), now)).rejects.toThrow(
      /dev\/behaviors\.tsv has no usable row among the first 10000 \(line 1: impressions without -0 or -1, as in a test split\)/,
    );
    await expect(readMind(sample({ 'news.tsv': [] }), now)).rejects.toThrow(/news\.tsv is empty\. It must be tab/);
  });

  it('is refused where test would be before the end of train, with both lines', async () => {
    const swapped = sample({ 'train/behaviors.tsv': dev, 'dev/behaviors.tsv': train });
    await expect(readMind({ ...swapped, quarantineLimit: 0.05 }, now)).rejects.toThrow(
      /dev\/behaviors\.tsv:1 is of 2019-11-09T08.*before the end of the train period .*train\/behaviors\.tsv:1/,
    );
  });

  it('is refused where there is none', async () => {
    await expect(readMind(sourceSettings.parse({ kind: 'mind' }), now)).rejects.toThrow(ConfigError);
    await expect(readMind(sourceSettings.parse({ kind: 'mind', path: 's3://a/b' }), now)).rejects.toThrow(ConfigError);
    await expect(readMind(sourceSettings.parse({ kind: 'mind', path: '/no/such' }), now)).rejects.toThrow(
      /\/no\/such does not exist/,
    );
  });

  it('gives tables or a DataError, whatever the bytes', async () => {
    const cell = fc.oneof(fc.string(), fc.constantFrom('N1', 'N4-1', '11/9/2019 8:00:00 AM', '\t', '\r'));
    const line = fc.oneof(
      fc.array(cell, { maxLength: 9 }).map((cells) => cells.join('\t')),
      fc.uint8Array(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 5 }), fc.array(line, { maxLength: 5 }), async (more, rows) => {
        const source = sample({ 'news.tsv': [...allNews, ...more], 'train/behaviors.tsv': [...train, ...rows] });
        try {
          const tables = await readMind(source, now);
          expect(tables.articles.every(({ title }) => title !== '')).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 50 },
    );
  });
});
