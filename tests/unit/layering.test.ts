import { readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSourceReader } from '../../lib/pipeline/code-digest.ts';

const root = join(import.meta.dirname, '../..');
const read = createSourceReader();

/** Imports of values by file: of the project's own files, and of everything else by name. Types do not count. */
function valueImports(folders: readonly string[]): Map<string, { own: string[]; others: string[] }> {
  const graph = new Map<string, { own: string[]; others: string[] }>();
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const path = join(root, folder, name);
      const { imports } = read(path);
      const own = imports.filter((specifier) => specifier.startsWith('.'));
      graph.set(relative(root, path), {
        own: own.map((specifier) => relative(root, resolve(dirname(path), specifier))),
        others: imports.filter((specifier) => !specifier.startsWith('.')),
      });
    }
  }
  return graph;
}

describe('imports of values', () => {
  it('form no circle', () => {
    const graph = valueImports(['cli', 'workers', 'workflows', 'activities', 'infra', 'lib']);
    const circles: string[] = [];
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      if (path.includes(file) || done.has(file)) return;
      for (const next of graph.get(file)?.own ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of graph.keys()) visit(file, []);
    expect(circles).toEqual([]);
  });

  it('keep workflows deterministic: no activities, no Node, nothing of lib but pure rules', () => {
    const wrong = [...valueImports(['workflows'])].flatMap(([file, { own, others }]) => [
      ...own
        .filter((path) => !/^(workflows\/|lib\/(pipeline|method)\/|lib\/\w+\.ts$)/.test(path))
        .map((path) => `${file} → ${path}`),
      ...others.filter((name) => !/^@temporalio\/(workflow|common)$/.test(name)).map((name) => `${file} → ${name}`),
    ]);
    expect(wrong).toEqual([]);
  });

  it('of activities take only types from workflows', () => {
    const wrong = [...valueImports(['activities'])].flatMap(([file, { own }]) =>
      own.filter((path) => path.startsWith('workflows/')).map((path) => `${file} → ${path}`),
    );
    expect(wrong).toEqual([]);
  });
});
