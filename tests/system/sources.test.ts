import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import type { CanonicalTables } from '../../lib/data/canonical.ts';
import { checkVolume } from '../../lib/data/checks.ts';
import { readWarehouse } from '../../lib/data/warehouse.ts';
import { generateWorld } from '../../lib/data/world/world.ts';
import { sourceSettings } from '../../lib/pipeline/stage-settings.ts';
import { createArtifacts } from '../../lib/store/artifacts.ts';
import { createS3 } from '../../lib/store/s3.ts';

const bucket = createS3(inject('serversEnv'));
const cacheFolder = mkdtempSync(join(tmpdir(), 'newshound-sources-'));
const artifacts = createArtifacts({ ...bucket, cacheFolder });

describe('the volume check', () => {
  const tables = generateWorld({
    seed: 7,
    historyArticles: 60,
    poolArticles: 40,
    trainReaders: 10,
    devReaders: 5,
    testReaders: 5,
  });
  const fewer: CanonicalTables = { ...tables, signals: tables.signals.slice(0, tables.signals.length * 0.4) };

  it('refuses a source that shrank, until it is said to be meant', async () => {
    const source = sourceSettings.parse({ kind: 'warehouse', path: 'shrinking' });
    await checkVolume(artifacts, source, tables);
    await checkVolume(artifacts, source, tables);
    for (let again = 0; again < 2; again++)
      await expect(checkVolume(artifacts, source, fewer)).rejects.toThrow(
        /the warehouse source shrinking shrank by more than 50 % since its last run: signals fell from \d+ to \d+\..*source\.volumeDrop=1/,
      );
    await checkVolume(artifacts, { ...source, volumeDrop: 1 }, fewer);
    await checkVolume(artifacts, source, fewer);
  });

  it('compares a source with itself only, and a generated world with nothing', async () => {
    const source = sourceSettings.parse({ kind: 'warehouse', path: 'one' });
    await checkVolume(artifacts, source, tables);
    await checkVolume(artifacts, { ...source, path: 'another' }, fewer);
    await checkVolume(artifacts, { ...source, kind: 'mind' }, fewer);
    await checkVolume(artifacts, sourceSettings.parse({}), tables);
    await checkVolume(artifacts, sourceSettings.parse({}), fewer);
  });
});

describe('a warehouse export on S3', () => {
  const put = (key: string, records: readonly object[]): Promise<unknown> =>
    bucket.s3.send(
      new PutObjectCommand({
        Bucket: bucket.bucket,
        Key: key,
        Body: records.map((record) => JSON.stringify(record)).join('\n'),
      }),
    );
  const read = (path: string): Promise<CanonicalTables> =>
    readWarehouse(sourceSettings.parse({ kind: 'warehouse', path }), bucket, Date.UTC(2024, 5, 1));

  it('is fetched, read and removed again', async () => {
    const days = ['2024-05-01', '2024-05-02', '2024-05-03', '2024-05-04'];
    await put(
      'exports/may/articles.jsonl',
      days.map((day) => ({ article_id: day, title: `News of ${day}`, published_at: day })),
    );
    await put(
      'exports/may/signals.jsonl',
      days.map((day) => ({ reader_id: day, kind: 'page', text: 'news', at: day, article_id: null })),
    );
    const impressions = days.map((day) => ({ reader_id: day, at: `${day} 09:00`, shown: [day], clicked: [day] }));
    await put('exports/may/impressions/part-0.jsonl', impressions.slice(0, 2));
    await put('exports/may/impressions/part-1.jsonl', impressions.slice(2));
    const before = temporary();
    const tables = await read(`s3://${bucket.bucket}/exports/may/`);
    expect(tables.impressions.map(({ reader_id }) => reader_id)).toEqual(days);
    expect(tables.examples.map(({ split }) => split)).toEqual(['train', 'train', 'dev', 'test']);
    expect(tables.quarantine).toEqual([]);
    expect(temporary()).toEqual(before);
  });

  it('is refused where the prefix holds no table, or the address no bucket', async () => {
    await expect(read(`s3://${bucket.bucket}/nothing-here`)).rejects.toThrow(/nothing-here holds no parquet/);
    await expect(read('s3://')).rejects.toThrow(/names no bucket\. Write s3:\/\/BUCKET\/PREFIX/);
  });
});

function temporary(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('newshound-source-'));
}
