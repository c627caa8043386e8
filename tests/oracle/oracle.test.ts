import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { passes } from './comparison.ts';
import { sections } from './sections.ts';

const data = join(import.meta.dirname, 'data');

describe('agrees with the references in tests/oracle/data', () => {
  it.each(Object.entries(sections))('%s', async (_, compare) => {
    const comparisons = await compare(data);
    expect(comparisons).not.toEqual([]);
    expect(comparisons.filter((comparison) => !passes(comparison))).toEqual([]);
  });
});

describe('npm run oracle', () => {
  it('fails on one value out of tolerance and on a damaged file, and still compares the rest', () => {
    const folder = mkdtempSync(join(tmpdir(), 'oracle-'));
    cpSync(data, folder, { recursive: true });
    const sampling = JSON.parse(readFileSync(join(folder, 'sampling.json'), 'utf8'));
    sampling.cases[1].probabilities[2][0] += 1e-3;
    writeFileSync(join(folder, 'sampling.json'), JSON.stringify(sampling));
    writeFileSync(join(folder, 'distill.safetensors'), 'damaged');
    const { status, stdout } = spawnSync(process.execPath, [join(import.meta.dirname, 'run.ts'), folder], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stdout.split('\n').filter((line) => line.endsWith('FAIL'))).toEqual([
      expect.stringContaining('sampling: top_k 5'),
      expect.stringContaining('distill.safetensors'),
      expect.stringContaining('distill.safetensors'),
    ]);
    expect(stdout).toContain('experiment Holm');
  });

  it('refuses a folder without reference values', () => {
    const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'run.ts'), tmpdir()], {
      encoding: 'utf8',
    });
    expect(status).toBe(2);
    expect(stderr).toContain('holds no reference values');
  });
});
