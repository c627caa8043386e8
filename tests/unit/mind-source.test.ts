import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkTables } from '../../lib/data/checks.ts';
import { datasetOf } from '../../lib/data/dataset.ts';
import { readMind } from '../../lib/data/mind.ts';
import { sourceSettings } from '../../lib/pipeline/stage-settings.ts';
import { allNews, type Content, dev, folderWith, news, now, reasonsOf, sample, train } from './mind-folder.ts';

const hour = 3_600_000;

describe('a MIND folder', () => {
  it('is split by time: the last part of train is dev, its dev folder is test', async () => {
    const tables = await readMind(sample(), now);
    checkTables(tables, sample(), now);
    expect(tables.examples.map(({ reader_id, split, cold }) => [reader_id, split, cold])).toEqual([
      ['U1', 'train', false],
      ['U1', 'dev', false],
      ['U1', 'test', false],
      ['U2', 'train', true],
      ['U3', 'test', true],
    ]);
    const dataset = datasetOf(tables);
    const ids = (rows: { article_id: string }[]): string[] => rows.map(({ article_id }) => article_id);
    expect(ids(dataset.pool('train'))).toEqual(['N4', 'N5']);
    expect(ids(dataset.pool('dev'))).toEqual(['N6']);
    // N5 is left out of test: training has seen it.
    expect(ids(dataset.pool('test'))).toEqual(['N6', 'N7']);
    expect(dataset.readers('test').map(({ readerId, clicked }) => [readerId, clicked])).toEqual([
      ['U1', ['N7']],
      ['U3', ['N7']],
    ]);
  });

  it('knows at a cutoff the history and the clicks before it, each article once, and nothing later', async () => {
    const dataset = datasetOf(await readMind(sample(), now));
    const signals = (split: 'train' | 'dev' | 'test'): (string | null)[] | undefined =>
      dataset
        .readers(split)
        .find(({ readerId }) => readerId === 'U1')
        ?.signals.map(({ articleId }) => articleId);
    expect(signals('train')).toEqual(['N1', 'N2', 'N3']);
    expect(signals('dev')).toEqual(['N1', 'N2', 'N3', 'N4', 'N9']);
    expect(signals('test')).toEqual(['N1', 'N2', 'N3', 'N4', 'N9', 'N5', 'N6']);
  });

  it('dates articles by when they are first shown or read, and leaves out those of unknown date', async () => {
    const { articles, signals } = await readMind(sample(), now);
    const first = Date.UTC(2019, 10, 9, 8);
    expect(articles.map(({ article_id }) => article_id)).not.toContain('N8');
    expect(articles.find(({ article_id }) => article_id === 'N5')?.published_at).toBe(first);
    expect(articles.find(({ article_id }) => article_id === 'N1')?.published_at).toBe(first - 3 * hour);
    expect(signals[0]).toEqual({
      reader_id: 'U1',
      kind: 'click',
      text: 'Title of N1',
      at: first - 3 * hour,
      label: null,
      article_id: 'N1',
    });
  });

  it('has one example, of test, for a reader whose dev and test begin at the same moment', async () => {
    const both = '4\tU3\t11/15/2019 12:00:00 AM\tN1\tN6-1';
    const source = sample({ 'train/behaviors.tsv': [...train, both] });
    const tables = await readMind(source, now);
    checkTables(tables, source, now);
    expect(tables.examples.filter(({ reader_id }) => reader_id === 'U3').map(({ split }) => split)).toEqual(['test']);
  });

  it('is read as published too, with the news in each split and line ends of Windows', async () => {
    const published = folderWith({
      'MINDsmall_train/news.tsv': allNews.slice(0, 6).map((line) => `${line}\r`),
      'MINDsmall_train/behaviors.tsv': train.map((line) => `${line}\r`),
      'MINDsmall_dev/news.tsv': allNews.slice(3),
      'MINDsmall_dev/behaviors.tsv': dev,
    });
    expect(await readMind(published, now)).toEqual(await readMind(sample(), now));
  });

  it('may have a news.tsv of what was shown alone', async () => {
    const source = sample({ 'news.tsv': ['N4', 'N5', 'N6', 'N7', 'N9'].map((id) => news(id)) });
    const tables = await readMind({ ...source, quarantineLimit: 0 }, now);
    expect(tables.signals.every(({ article_id }) => article_id !== 'N1')).toBe(true);
    expect(datasetOf(tables).readers('test')).toHaveLength(2);
  });

  it('is read with other clocks, more columns and fewer, and impression ids that begin again', async () => {
    const other = (line: string): string =>
      line.replace(
        /(\d+)\/(\d+)\/(\d+) (\d+):(\d+):(\d+) (AM|PM)/,
        (_, month, day, year, hour, minute, second, half) => {
          const clock = String((Number(hour) % 12) + (half === 'PM' ? 12 : 0)).padStart(2, '0');
          return `${year}-${month}-${day.padStart(2, '0')} ${clock}:${minute}:${second}`;
        },
      );
    const source = sample({
      'news.tsv': [
        ...allNews.slice(0, 4).map((line) => `${line}\tmore`),
        ...allNews.slice(4).map((line) => line.split('\t').slice(0, 5).join('\t')),
      ],
      'train/behaviors.tsv': train.map((line) => `${other(line).replace(/^\d/, '1')}\tmore`),
      'dev/behaviors.tsv': dev.map((line) => line.replace('12:00:00 AM', '00:00:00').replace(' 8:00:00 AM', ' 08:00')),
    });
    expect(await readMind(source, now)).toEqual(await readMind(sample(), now));
  });

  it('is read in part: the same readers of train and dev, by hash', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => train.concat(dev).map((line) => line.replace(/\tU/, `\tU${i}-`)));
    const source = sample({
      'train/behaviors.tsv': rows.flatMap((some) => some.slice(0, 3)),
      'dev/behaviors.tsv': rows.flatMap((some) => some.slice(3)),
    });
    const readersOf = async (readerShare: number): Promise<Set<string>> =>
      new Set((await readMind({ ...source, readerShare }, now)).examples.map(({ reader_id }) => reader_id));
    const [all, half] = [await readersOf(1), await readersOf(0.5)];
    expect(half.size / all.size).toBeGreaterThan(0.35);
    expect(half.size / all.size).toBeLessThan(0.65);
    expect([...half].every((reader) => all.has(reader))).toBe(true);
    await expect(readMind({ ...source, readerShare: 0 }, now)).rejects.toThrow(/readerShare 0 leaves no reader/);
  });

  it('leaves out the train rows that lie in the test period, where they are few', async () => {
    const late = '5\tU5\t11/15/2019 9:00:00 AM\tN1\tN4-1';
    const source = sample({ 'train/behaviors.tsv': [...train, late] });
    const tables = await readMind(source, now);
    expect(reasonsOf(tables)).toEqual([['train/behaviors.tsv', 4, 'in the test period, left out of training']]);
    expect({ ...tables, quarantine: [] }).toEqual(await readMind(sample(), now));
    await expect(readMind({ ...source, quarantineLimit: 0.2 }, now)).rejects.toThrow(
      /dev\/behaviors\.tsv:2 is of 2019-11-15T00.* it would be 1 of 4/,
    );
  });

  it('is divided by rows where time does not do, and says so', async () => {
    const moment = '11/14/2019 8:00:00 AM';
    const rows = Array.from({ length: 20 }, (_, i) => `${i}\tU${i}\t${moment}\tN1 N2\tN${4 + (i % 3)}-1 N9-0`);
    const source = sample({ 'train/behaviors.tsv': rows });
    const tables = await readMind(source, now);
    checkTables(tables, source, now);
    const count = (split: string): number => tables.examples.filter((example) => example.split === split).length;
    expect([count('train'), count('dev'), count('test')]).toEqual([17, 3, 2]);
    expect(tables.notes).toEqual([
      'one part of the train period has no click: dev is its last 15 % of the rows',
      'no dev reader clicked an article that is new: its pool holds what training has seen too',
    ]);
  });

  it('is divided where the same articles come every day', async () => {
    const again = (line: string): string =>
      line.replace('N6-1', 'N4-1').replace('N7-1', 'N5-1').replaceAll('N6-0', 'N5-0');
    const source = sample({ 'train/behaviors.tsv': train.map(again), 'dev/behaviors.tsv': dev.map(again) });
    const tables = await readMind(source, now);
    checkTables(tables, source, now);
    expect(datasetOf(tables).readers('test').length).toBeGreaterThan(0);
    expect(tables.notes).toHaveLength(2);
  });

  it('may be one file, whose last part is the test', async () => {
    const source = folderWith({
      'news.tsv': allNews,
      'behaviors.tsv': [...train, ...dev.map((line) => line.replace(/^\d/, (id) => `${id}0`))],
    });
    const tables = await readMind(source, now);
    checkTables(tables, source, now);
    expect(tables.notes[0]).toBe('there is no dev folder: the last 15 % of the time of behaviors.tsv are the test');
    expect(
      datasetOf(tables)
        .readers('test')
        .map(({ readerId }) => readerId),
    ).toEqual(['U1', 'U3']);
  });

  it.each([
    ['a folder "valid"', 'train', 'valid'],
    ['folders in folders of their own name', 'MINDsmall_train/MINDsmall_train', 'MINDsmall_dev/MINDsmall_dev'],
  ])('is found in %s', async (_, trainFolder, devFolder) => {
    const source = folderWith({
      [`${trainFolder}/news.tsv`]: allNews,
      [`${trainFolder}/behaviors.tsv`]: train,
      [`${devFolder}/behaviors.tsv`]: dev,
    });
    expect(await readMind(source, now)).toEqual(await readMind(sample(), now));
  });

  it.each([
    ['no train folder', { 'news.tsv': allNews, 'dev/behaviors.tsv': dev }, /has no folder "train" or "…_train"/],
    [
      'archives',
      { 'MINDsmall_train.zip': [], 'MINDsmall_dev.zip': [] },
      /Unpack MINDsmall_dev\.zip, MINDsmall_train\.zip first/,
    ],
    ['no news', { 'train/behaviors.tsv': train, 'dev/behaviors.tsv': dev }, /there is no news\.tsv in .*train/],
    [
      'no behaviors',
      { 'news.tsv': allNews, 'train/behaviors.tsv': train, 'dev/news.tsv': [] },
      /dev\/behaviors\.tsv does not exist\. A MIND folder holds/,
    ],
    [
      'two folders for train',
      { 'news.tsv': allNews, 'train/x': [], 'MINDlarge_train/x': [], 'dev/behaviors.tsv': dev },
      /2 folders that may be train: MINDlarge_train, train/,
    ],
  ])('is refused by name with %s', async (_, files: Record<string, Content>, message) => {
    await expect(readMind(folderWith(files), now)).rejects.toThrow(message);
  });
});

describe('the shared sample of MIND', () => {
  const path = resolve(import.meta.dirname, '../../../shared/data/mind');
  const there = existsSync(path);
  if (!there) console.warn(`not tested against real MIND rows: ${path} is not there`);

  it.skipIf(!there)('passes every check and fills each split', async () => {
    const source = sourceSettings.parse({ kind: 'mind', path });
    const tables = await readMind(source);
    checkTables(tables, source, Date.now());
    const dataset = datasetOf(tables);
    for (const split of ['train', 'dev', 'test'] as const) {
      expect(dataset.readers(split).length).toBeGreaterThan(400);
      expect(dataset.pool(split).length).toBeGreaterThan(500);
    }
    expect(tables.quarantine.length).toBeLessThan(10);
  });
});
