import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { outsideOf } from '../../lib/pipeline/outside.ts';
import type { StageInput } from '../../lib/pipeline/stages.ts';
import { sourceSettings } from '../../lib/pipeline/stage-settings.ts';

const scratch = mkdtempSync(join(tmpdir(), 'newshound-outside-'));

const fingerprint = (path: string) =>
  outsideOf(
    { stage: 'extract', settings: { source: sourceSettings.parse({ kind: 'mind', path }) } } as StageInput,
    scratch,
  );

describe('the fingerprint of a source folder', () => {
  it('changes with what its links lead to, and a link to a folder around it is no endless way', async () => {
    const [folder, data] = [join(scratch, 'folder'), join(scratch, 'data')];
    for (const one of [folder, data]) mkdirSync(one);
    writeFileSync(join(data, 'behaviors.tsv'), 'one');
    symlinkSync(data, join(folder, 'train'));
    symlinkSync(folder, join(data, 'back'));
    const before = await fingerprint(folder);
    expect(await fingerprint(folder)).toEqual(before);
    writeFileSync(join(data, 'behaviors.tsv'), 'other');
    expect(await fingerprint(folder)).not.toEqual(before);
  });

  it('is none of a source on S3, or of a folder that this machine does not have', async () => {
    expect(await fingerprint('s3://bucket/export')).toBeNull();
    expect(await fingerprint(join(scratch, 'elsewhere'))).toBeNull();
  });
});
