import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { lineageOf, listArtifacts, pruneArtifacts, showArtifact, verifyArtifacts } from '../../cli/artifacts.ts';
import { ensureBucket } from '../../infra/s3.ts';
import { type Artifacts, createArtifacts } from '../../lib/store/artifacts.ts';
import { type Pointer, servingPointer, swapPointer } from '../../lib/store/pointers.ts';
import { prune } from '../../lib/store/prune.ts';
import type { MadeBy, Ref } from '../../lib/store/ref.ts';
import { createS3 } from '../../lib/store/s3.ts';

const madeBy = (step: string, inputs: Record<string, Ref>): MadeBy => ({
  stage: step,
  step,
  run: 'run-1',
  settings: { rounds: 3 },
  code: 'c0de',
  inputs,
  seed: 7,
});

describe('newshound artifacts', () => {
  const cacheFolder = mkdtempSync(join(tmpdir(), 'newshound-artifacts-'));
  // A bucket of its own: what other tests store is not listed.
  const env = { ...inject('serversEnv'), NEWSHOUND_S3_BUCKET: 'artifacts-command' };
  let artifacts: Artifacts;
  let dataset: Ref;
  let model: Ref;

  beforeAll(async () => {
    await ensureBucket(createS3(env));
    artifacts = createArtifacts({ ...createS3(env), cacheFolder });
    dataset = await artifacts.put('dataset', { 'rows.arrow': Buffer.from('rows') }, madeBy('extract', {}));
    const encoder = await artifacts.put('encoder', { 'words.txt': Buffer.from('words') }, madeBy('index', { dataset }));
    model = await artifacts.put(
      'model',
      { 'weights.bin': Buffer.from('weights of the model') },
      madeBy('teacher', { dataset, encoder }),
    );
  });

  it('lists what is stored, of one kind if asked', async () => {
    const text = await listArtifacts(artifacts, 'model', 10);
    expect(text.split('\n')).toHaveLength(2);
    expect(text).toMatch(new RegExp(`${model.digest.slice(0, 12)} +model +teacher +run-1 +20 B`));
    await expect(listArtifacts(artifacts, 'modle', 10)).rejects.toThrow(/no kind "modle".*model/);
  });

  it('shows files, maker and settings of one, found by the start of its digest', async () => {
    expect(await showArtifact(artifacts, model.digest.slice(0, 8))).toMatch(/weights\.bin.*"rounds": 3/s);
    await expect(showArtifact(artifacts, 'ffff')).rejects.toThrow(/no artifact's digest starts with ffff/);
    await expect(showArtifact(artifacts, '../x')).rejects.toThrow(/not the start of a digest/);
  });

  it('shows what it was made from, back to the source', async () => {
    const lines = (await lineageOf(artifacts, model.digest)).split('\n');
    expect(lines.map((line) => line.replace(/ [0-9a-f]{12}.*?(\(above\)|made by step \w+).*/, ' $1'))).toEqual([
      'model made by step teacher',
      '  dataset: dataset made by step extract',
      '  encoder: encoder made by step index',
      '    dataset: dataset (above)',
    ]);
  });

  it('finds an artifact whose bytes were changed behind its back, and names the step that made it', async () => {
    const said: string[] = [];
    expect(await verifyArtifacts(artifacts, [], (line) => said.push(line))).toEqual([]);
    const [file] = (await artifacts.manifest(model)).files;
    const path = join(inject('serversState'), 's3', env.NEWSHOUND_S3_BUCKET, 'artifacts', file?.sha256 as string);
    const bytes = readFileSync(path);
    writeFileSync(path, 'WEIGHTS of the model');
    const problems = await verifyArtifacts(artifacts, [model.digest.slice(0, 10)], () => undefined);
    expect(problems).toEqual([expect.stringMatching(new RegExp(`artifacts/${file?.sha256} is corrupt.*teacher`))]);
    writeFileSync(path, bytes);
  });
});

describe('newshound artifacts prune', () => {
  const env = { ...inject('serversEnv'), NEWSHOUND_S3_BUCKET: 'artifacts-prune' };
  const future = (): Date => new Date(Date.now() + 60_000);
  let artifacts: Artifacts;

  const step = async (key: string, refs: Record<string, Ref>): Promise<void> =>
    await artifacts.putDocument(`steps/${key}.json`, { stage: key, output: { outputs: refs, facts: {} } });
  const keys = async (): Promise<string[]> => {
    const all: string[] = [];
    for await (const { key } of artifacts.list('')) all.push(key);
    return all;
  };
  /** S3 tells the times of objects in whole seconds. */
  const nextSecond = async (): Promise<Date> => {
    const next = (Math.trunc(Date.now() / 1000) + 1) * 1000;
    await expect.poll(() => Date.now(), { timeout: 2000 }).toBeGreaterThan(next);
    return new Date(next);
  };
  const put = async (name: string, content: string, inputs: Record<string, Ref> = {}): Promise<Ref<'model'>> =>
    await artifacts.put(
      'model',
      { 'shared.bin': Buffer.from('in all'), 'own.bin': Buffer.from(content) },
      madeBy(name, inputs),
    );

  beforeAll(async () => {
    await ensureBucket(createS3(env));
    artifacts = createArtifacts({ ...createS3(env), cacheFolder: mkdtempSync(join(tmpdir(), 'newshound-prune-')) });
  });

  it('keeps what is served, what last runs ended with, and what these were made from; the rest goes, records first', async () => {
    const source = await put('extract', 'source');
    const last = await put('student', 'last', { source });
    const [first, second, third] = [
      await put('student', '1'),
      await put('student', '2', { source }),
      await put('student', '3'),
    ];
    const lost = await put('teacher', 'lost', { source });
    await artifacts.putDocument('runs/nightly/demo.json', { run: 'r', outputs: { student: last } });
    // Of an arm of a paper run: nothing is taken from it.
    await artifacts.putDocument('runs/paper/full/main-1-1.json', { run: 'r', outputs: { teacher: lost } });
    let serving: Pointer<{ student: Ref }> | null = null;
    for (const student of [first, second, third])
      serving = await swapPointer(artifacts.bucket, servingPointer, { student }, serving);
    await step('kept', { student: last });
    await step('gone', { student: lost });
    await step('half', { student: last, teacher: lost });

    const before = await keys();
    const told = await prune(artifacts, future(), true);
    expect(await keys()).toEqual(before);
    // The first student is two promotions ago.
    expect(told).toMatchObject({ removed: 2, kept: 4 });
    expect(await prune(artifacts, future(), false)).toEqual(told);
    for (const ref of [source, last, second, third]) expect(await artifacts.isStored(ref)).toBe(true);
    for (const ref of [first, lost]) expect(await artifacts.isStored(ref)).toBe(false);
    const left = await keys();
    expect(left.filter((key) => key.startsWith('steps/'))).toEqual(['steps/kept.json']);
    expect(left.filter((key) => key.startsWith('artifacts/'))).toHaveLength(5);
    expect(await prune(artifacts, future(), false)).toMatchObject({ removed: 0, removedBytes: 0 });
  });

  it('leaves a lineage that can be read, and says what is not stored any more', async () => {
    const parent = await put('extract', 'parent');
    const child = await put('student', 'child', { parent });
    await artifacts.remove([`manifests/${parent.digest}.json`]);
    expect((await lineageOf(artifacts, child.digest)).split('\n')[1]).toBe(
      `  parent: model ${parent.digest.slice(0, 12)}  (not stored any more)`,
    );
    await artifacts.remove([`manifests/${child.digest}.json`]);
  });

  it('removes nothing younger than was said, and nothing that a younger one was made from or a younger record names', async () => {
    const [old, again, lost] = [
      await put('extract', 'old'),
      await put('teacher', 'again'),
      await put('teacher', 'lost'),
    ];
    const since = await nextSecond();
    const young = await put('teacher', 'young', { old });
    const orphan = await put('teacher', 'orphan');
    await step('again', { teacher: again });
    expect(await prune(artifacts, since, false)).toMatchObject({ removed: 1 });
    for (const ref of [old, again, young, orphan]) expect(await artifacts.isStored(ref)).toBe(true);
    expect(await artifacts.isStored(lost)).toBe(false);
  });

  it('refuses while something runs, by its name', async () => {
    await expect(pruneArtifacts(artifacts, { days: 30, dryRun: false, running: ['nightly-demo'] })).rejects.toThrow(
      'nightly-demo runs, and may need what would be removed: prune when nothing runs (newshound status)',
    );
    expect(await pruneArtifacts(artifacts, { days: 30, dryRun: true, running: [] })).toMatch(
      /^Would remove 0 artifacts \(0 B\) older than 30 days that nothing needs; \d+ would stay/,
    );
  });
});
