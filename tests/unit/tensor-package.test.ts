import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'lib/tensor');
const read = (path: string): string => readFileSync(path, 'utf8');
const readme = read(join(folder, 'README.md'));
const codeIn = (page: string): string[] => Array.from(page.matchAll(/^```ts\n(.*?)^```$/gmsu), ([, code]) => code);

describe('the tensor engine as a package', () => {
  it('shows in its README the example that runs', () => {
    expect(codeIn(readme)).toEqual([read(join(folder, 'example.ts'))]);
  });

  it('has an example that learns its sentences', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'example.ts')]);
    const lines = stdout.trimEnd().split('\n');
    const losses = lines
      .filter((line) => line.startsWith('step'))
      .map((line) => Number(/: ([\d.]+) nats/.exec(line)?.[1]));
    expect(losses[0]).toBeGreaterThan(4);
    expect(losses.at(-1)).toBeLessThan(0.2);
    expect(lines.slice(losses.length)).toEqual([
      'rain falls on the harbour<|endoftext|>',
      'the strike ends today<|endoftext|>',
      'a cup final in the rain<|endoftext|>',
      'prices rise again<|endoftext|>',
    ]);
  });

  it('lists every file in its README, and none that is gone', () => {
    const named = Array.from(readme.matchAll(/`([a-z-]+\.ts)`/gu), ([, name]) => name);
    const there = readdirSync(folder).filter((name) => name.endsWith('.ts') && name !== 'example.ts');
    expect(there.filter((name) => !named.includes(name))).toEqual([]);
    const elsewhere = ['half.ts'];
    expect(named.filter((name) => !there.includes(name) && !elsewhere.includes(name))).toEqual([]);
  });

  it('names tests that exist', () => {
    const named = Array.from(readme.matchAll(/`(?:tests\/unit\/)?([a-z-]+\.test\.ts)`/gu), ([, name]) => name);
    expect(named.length).toBeGreaterThan(5);
    for (const name of named) expect(existsSync(join(root, 'tests/unit', name)), name).toBe(true);
  });

  it('explains gradient rules with lines that stand in the code', () => {
    const sources = ['graph', 'ops', 'vjp', 'emit'].map((name) => read(join(folder, `${name}.ts`)));
    const tests = ['values', 'gradients'].map((name) => read(join(root, `tests/unit/tensor-${name}.test.ts`)));
    const snippets = codeIn(read(join(folder, 'gradients.md')));
    expect(snippets.length).toBeGreaterThan(6);
    for (const snippet of snippets)
      expect(
        [...sources, ...tests].some((text) => text.includes(snippet)),
        snippet,
      ).toBe(true);
  });
});
