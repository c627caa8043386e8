import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import type { CanonicalTables } from '../../lib/data/canonical.ts';
import { checkTables } from '../../lib/data/checks.ts';
import { datasetOf } from '../../lib/data/dataset.ts';
import { readWarehouse } from '../../lib/data/warehouse.ts';
import { ConfigError, DataError } from '../../lib/errors.ts';
import { type SourceSettings, sourceSettings } from '../../lib/pipeline/stage-settings.ts';
import { createS3 } from '../../lib/store/s3.ts';

const bucket = createS3({ NEWSHOUND_S3_BUCKET: 'never-asked' });
const now = Date.UTC(2024, 5, 1);

/** Ten days: a reader a day sees the day's article and yesterday's, and clicks the former. */
const days = Array.from({ length: 10 }, (_, i) => i + 1);
const date = (day: number): string => `2024-05-${String(day).padStart(2, '0')}`;
const articles = days.map((day) => ({
  article_id: `a${day}`,
  title: `It's day ${day}, "quoted"`,
  abstract: day % 2 ? `About ${day}` : null,
  category: 'news',
  published_at: `${date(day)}T00:00:00Z`,
}));
const signals = days.flatMap((day) => [
  { reader_id: `r${day}`, kind: 'search', text: `day ${day}, what is new`, at: `${date(day)} 07:00`, article_id: null },
  { reader_id: `r${day}`, kind: 'click', text: null, at: `${date(day)} 08:00:00+02:00`, article_id: 'a1' },
]);
const impressions = days.map((day) => ({
  reader_id: `r${day}`,
  at: `${date(day)} 09:00:00`,
  shown: [`a${day}`, `a${Math.max(1, day - 1)}`],
  clicked: [`a${day}`],
}));
const rows = { articles, signals, impressions } as const;

function folderOf(files: Record<string, string | Uint8Array>, settings: object = {}): SourceSettings {
  const path = mkdtempSync(join(tmpdir(), "newshound-it's-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return sourceSettings.parse({ kind: 'warehouse', path, quarantineLimit: 1, devShare: 0.3, ...settings });
}

const signalsIn = (file: string): object => ({ mapping: { signals: { file, columns: {} } } });

const lines = (records: readonly object[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join('');
const asLines = Object.fromEntries(Object.entries(rows).map(([table, records]) => [`${table}.jsonl`, lines(records)]));

function csv(records: readonly object[], delimiter = ','): string {
  const cell = (value: unknown): string =>
    value === null ? '' : `"${(typeof value === 'string' ? value : JSON.stringify(value)).replaceAll('"', '""')}"`;
  const header = Object.keys(records[0]).join(delimiter);
  return [header, ...records.map((record) => Object.values(record).map(cell).join(delimiter)), ''].join('\n');
}

/** Parquet with real timestamps and lists, in parts. */
async function parquetFolder(): Promise<SourceSettings> {
  const source = folderOf(asLines);
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  for (const table of Object.keys(rows)) {
    const from = `read_json(${quote(join(source.path, `${table}.jsonl`))}, format = 'newline_delimited')`;
    const target = source.path;
    mkdirSync(join(target, 'parquet', table), { recursive: true });
    for (const [part, where] of [
      ['part-0', '<= 5'],
      ['part-1', '> 5'],
    ])
      await connection.run(
        `COPY (SELECT * EXCLUDE (n) FROM (SELECT *, row_number() OVER () / (count(*) OVER () / 10) AS n FROM ${from}) WHERE n ${where} ORDER BY n)
         TO ${quote(join(target, 'parquet', table, `${part}.parquet`))}`,
      );
  }
  connection.closeSync();
  return { ...source, path: join(source.path, 'parquet') };
}

const read = (source: SourceSettings): Promise<CanonicalTables> => readWarehouse(source, bucket, now);
const reasonsOf = ({ quarantine }: CanonicalTables): [string, number, string][] =>
  quarantine.map(({ source, row, reason }) => [source, row, reason]);

describe('a warehouse export', () => {
  it('is split by time: the last fifth of impressions is test, the end of the time before is dev', async () => {
    const source = folderOf(asLines);
    const tables = await read(source);
    checkTables(tables, source, now);
    const dataset = datasetOf(tables);
    const idsOf = (split: 'train' | 'dev' | 'test'): string[][] => [
      dataset.readers(split).map(({ readerId }) => readerId),
      dataset.pool(split).map(({ article_id }) => article_id),
    ];
    expect(idsOf('train')).toEqual([
      ['r1', 'r2', 'r3', 'r4', 'r5'],
      ['a1', 'a2', 'a3', 'a4', 'a5'],
    ]);
    expect(idsOf('dev')).toEqual([
      ['r6', 'r7', 'r8'],
      ['a6', 'a7', 'a8'],
    ]);
    expect(idsOf('test')).toEqual([
      ['r10', 'r9'],
      ['a10', 'a8', 'a9'],
    ]);
    expect(tables.quarantine).toEqual([]);
  });

  it('counts an article that nobody was shown as fresh when it was published', async () => {
    const unseen = [
      { article_id: 'old', title: 'Old', published_at: '2024-01-01' },
      { article_id: 'late', title: 'Late', published_at: '2024-05-10' },
    ];
    const more = `${asLines['articles.jsonl']}${lines(unseen)}`;
    const dataset = datasetOf(await read(folderOf({ ...asLines, 'articles.jsonl': more })));
    expect(dataset.history.map(({ article_id }) => article_id)).toEqual(['old']);
    expect(dataset.pool('test').map(({ article_id }) => article_id)).toContain('late');
  });

  it('is found by a relative path', async () => {
    const source = folderOf(asLines);
    expect(await read({ ...source, path: relative(process.cwd(), source.path) })).toEqual(await read(source));
  });

  it('gives a click without text its article, and reads dates with a zone, without one, and without a time', async () => {
    const tables = await read(folderOf(asLines));
    const row = { reader_id: 'r3', label: null };
    expect(tables.signals.filter(({ reader_id }) => reader_id === 'r3')).toEqual([
      { ...row, kind: 'search', text: 'day 3, what is new', at: Date.UTC(2024, 4, 3, 7), article_id: null },
      { ...row, kind: 'click', text: `It's day 1, "quoted"`, at: Date.UTC(2024, 4, 3, 6), article_id: 'a1' },
    ]);
  });

  it('reads the same from CSV, TSV, a JSON array, JSON lines, and Parquet in parts', async () => {
    const expected = await read(folderOf(asLines));
    const mixed = folderOf({
      'articles.csv': csv(articles),
      'signals.tsv': csv(signals, '\t'),
      'impressions.json': JSON.stringify(impressions, null, 2),
    });
    expect(await read(mixed)).toEqual(expected);
    expect(await read(await parquetFolder())).toEqual(expected);
  });

  it('reads times as numbers of seconds, ms, µs and ns', async () => {
    const ms = (day: number): number => Date.UTC(2024, 4, day, 9);
    const units = [1e-3, 1, 1e3, 1e6];
    const numbered = impressions.map((row, i) => ({ ...row, at: ms(i + 1) * units[i % 4] }));
    const { impressions: found } = await read(folderOf({ ...asLines, 'impressions.jsonl': lines(numbered) }));
    expect(found.map(({ at }) => at)).toEqual(days.map(ms));
  });

  it('reads files and columns of other names through the mapping', async () => {
    const events = signals.map(({ reader_id, text, ...rest }) => ({ user: reader_id, said: text, ...rest }));
    const source = folderOf(
      {
        'Export/events.csv': csv(events).replace('said', '"what ""it"" said"'),
        'articles.jsonl': asLines['articles.jsonl'],
        'impressions.jsonl': asLines['impressions.jsonl'],
      },
      { mapping: { signals: { file: 'Export/events.csv', columns: { reader_id: 'user', text: 'what "it" said' } } } },
    );
    expect(await read(source)).toEqual(await read(folderOf(asLines)));
  });

  it('quarantines bad records with their file, row and reason', async () => {
    const bad = Buffer.concat([
      Buffer.from(csv(signals)),
      Buffer.from('r1,page\nr1,page,one,2024-05-01,a1,too many\n'),
      Buffer.from([0x72, 0x31, 0x2c, 0xff, 0xfe, 0x2c, 0x78, 0x2c, 0x31, 0x2c, 0x0a]),
      Buffer.from(',page,x,2024-05-01,\nr1,podcast,x,2024-05-01,\nr1,page, ,2024-05-01,\n'),
      Buffer.from(
        'r1,page,x,yesterday,\nr1,page,x,2124-05-01,\nr1,page,x,1,\nr1,page,say "hi" now,2024-05-01,\n,,,,\n',
      ),
    ]);
    const source = folderOf({
      'signals.csv': bad,
      'articles.jsonl': `${asLines['articles.jsonl']}{"article_id": "a1", "title": "Again", "published_at": "2024-05-01"}\n{"article_id": "a2"\n${lines([{ article_id: 'b', title: null, published_at: '2024-05-01' }])}`,
      'impressions.jsonl': `${asLines['impressions.jsonl']}${lines([
        { reader_id: 'r1', at: '2024-05-01 09:00', shown: ['a1'], clicked: ['a2'] },
        { reader_id: 'r1', at: '2024-05-01 09:00', shown: [], clicked: [] },
        { reader_id: 'r1', at: '2024-05-01 09:00', shown: '[a1, "a2"', clicked: [] },
        { reader_id: 'r1', at: '2024-05-01 09:00', shown: 'x1 x2', clicked: null },
      ])}`,
    });
    const tables = await read(source);
    expect(reasonsOf(tables)).toEqual([
      ['articles.jsonl', 11, 'duplicate article id'],
      ['articles.jsonl', 12, 'empty record, or no JSON object'],
      ['articles.jsonl', 13, 'empty title'],
      ['signals.csv', 21, 'empty text'],
      ['signals.csv', 22, 'more columns than the header'],
      ['signals.csv', 23, 'no reader_id'],
      ['signals.csv', 24, 'unknown kind (search, page, click)'],
      ['signals.csv', 25, 'empty text'],
      ['signals.csv', 26, 'unknown date'],
      ['signals.csv', 27, 'date in the future'],
      ['signals.csv', 28, 'date before 1990'],
      ['signals.csv', 30, 'empty record, or no JSON object'],
      ['signals.csv', 24, 'no CSV record: invalid encoding'],
      ['impressions.jsonl', 11, 'a click on what was not shown'],
      ['impressions.jsonl', 12, 'nothing shown'],
      ['impressions.jsonl', 13, 'malformed list (a JSON array, or ids with spaces between)'],
      ['impressions.jsonl', 14, 'no known article shown'],
      ['impressions.jsonl', 0, 'unknown articles, left out of the rows that name them'],
    ]);
    expect(() => checkTables(tables, { ...source, quarantineLimit: 0.05 }, now)).toThrow(/18 rows \(\d+\.?\d* %\)/);
  });

  it('refuses a mapping of unknown tables or columns before it reads anything, with what was meant', async () => {
    const mapped = (mapping: object): SourceSettings =>
      sourceSettings.parse({ kind: 'warehouse', path: '/no', mapping });
    await expect(read(mapped({ signal: { file: '', columns: {} } }))).rejects.toThrow(
      /source\.mapping has no table "signal"\. Did you mean "signals"\?/,
    );
    await expect(read(mapped({ signals: { file: '', columns: { reader: 'x' } } }))).rejects.toThrow(
      /source\.mapping\.signals\.columns has no column "reader".*There is reader_id, kind, text, at, article_id/,
    );
    await expect(read(sourceSettings.parse({ kind: 'warehouse' }))).rejects.toThrow(ConfigError);
  });

  it.each<[string, Record<string, string>, object, RegExp]>([
    [
      'a column that is not there',
      { 'signals.jsonl': lines(signals.map(({ reader_id, ...rest }) => ({ readerid: reader_id, ...rest }))) },
      {},
      /signals\.jsonl has no column "reader_id": name yours in source\.mapping\.signals\.columns\.reader_id\. Did you mean "readerid"\?/,
    ],
    [
      'a mapped column that is not there',
      {},
      { mapping: { articles: { file: '', columns: { abstract: 'titel' } } } },
      /articles\.jsonl has no column "titel" \(source\.mapping\.articles\.columns\.abstract\)\. Did you mean "title"\?/,
    ],
    [
      'a mapped file that is not there',
      {},
      { mapping: { articles: { file: 'article.jsonl', columns: {} } } },
      /has no "article\.jsonl" \(source\.mapping\.articles\.file\)\. Did you mean "articles\.jsonl"\?/,
    ],
    [
      'a table twice',
      { 'signals.csv': csv(signals) },
      {},
      /several files of table signals: signals\.csv, signals\.jsonl/,
    ],
    ['another separator', { 'x.csv': csv(signals, ';') }, signalsIn('x.csv'), /x\.csv has no column "reader_id"/],
    [
      'no Parquet',
      { 'x.parquet': 'hello, this is none' },
      signalsIn('x.parquet'),
      /x\.parquet cannot be read as parquet: .*magic bytes/,
    ],
    [
      'half a JSON array',
      { 'x.json': '[{"reader_id": "r1"}, {' },
      signalsIn('x.json'),
      /x\.json cannot be read as json: .*Malformed JSON/,
    ],
    ['an empty file', { 'x.csv': '' }, signalsIn('x.csv'), /x\.csv is empty/],
    ['a column twice', { 'x.csv': 'a,a\n1,2\n' }, signalsIn('x.csv'), /x\.csv:1: column "a" is there twice/],
    [
      'parts that differ',
      { 'x/1.csv': 'a,b\n', 'x/2.csv': 'b,a\n' },
      signalsIn('x'),
      /2\.csv:1: its header is not that of .*1\.csv/,
    ],
    [
      'no usable row',
      { 'x.csv': 'reader_id,kind,text,at\nr1,podcast,x,1\n' },
      signalsIn('x.csv'),
      /table signals has no usable row \(x\.csv:1: unknown kind/,
    ],
  ])('is refused with %s', async (_, files, settings, message) => {
    const source = folderOf({ ...asLines, ...files }, settings);
    await expect(read(source)).rejects.toThrow(message);
    await expect(read(source)).rejects.toThrow(DataError);
  });

  it('is refused where the folder holds no table, or is none', async () => {
    await expect(read(folderOf({ 'readme.txt': 'hello' }))).rejects.toThrow(/holds no parquet, csv, tsv/);
    await expect(read(sourceSettings.parse({ kind: 'warehouse', path: '/no/such' }))).rejects.toThrow(
      /\/no\/such cannot be read as a folder/,
    );
  });
});
