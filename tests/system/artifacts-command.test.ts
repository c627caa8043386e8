import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { lineageOf, listArtifacts, showArtifact, verifyArtifacts } from '../../cli/artifacts.ts';
import { ensureBucket } from '../../infra/s3.ts';
import { type Artifacts, createArtifacts } from '../../lib/store/artifacts.ts';
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
