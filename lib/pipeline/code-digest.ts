/** Which source files a stage is made of, and their digest: change one, and only the stages that import it run again. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';

/**
 * SHA-256 over the files that `entries` import, directly or not, and over name and version of every package among the imports.
 * Imports of types alone do not count: they change no behaviour. Paths are relative to `root`, so that a moved checkout has the same digest.
 */
export function codeDigest(
  root: string,
  entries: readonly string[],
  reader: SourceReader = createSourceReader(),
): string {
  const files = new Map<string, string>();
  const packages = new Set<string>();
  const visit = (path: string): void => {
    if (files.has(path)) return;
    const { digest, imports } = reader(path);
    files.set(path, digest);
    for (const specifier of imports) {
      if (specifier.startsWith('.')) visit(resolve(dirname(path), specifier));
      else if (!specifier.startsWith('node:')) packages.add(packageOf(specifier));
    }
  };
  for (const entry of entries) visit(resolve(root, entry));
  const hash = createHash('sha256');
  const lines = [
    ...[...files].map(([path, digest]) => `${relative(root, path).replaceAll('\\', '/')} ${digest}`),
    ...[...packages].map((name) => `${name}@${packageVersion(root, name)}`),
  ];
  for (const line of lines.sort()) hash.update(`${line}\n`);
  return hash.digest('hex');
}

/** Digest of one file and what it imports as values. */
export type SourceReader = (path: string) => { digest: string; imports: string[] };

/** A reader that remembers: the code of a running process is what it was at the start. */
export function createSourceReader(): SourceReader {
  const known = new Map<string, ReturnType<SourceReader>>();
  return (path) => {
    const found = known.get(path);
    if (found) return found;
    const text = readFileSync(path, 'utf8');
    const read = {
      digest: createHash('sha256').update(text).digest('hex'),
      imports: path.endsWith('.ts') ? importsOf(text) : [],
    };
    known.set(path, read);
    return read;
  };
}

/** Specifiers that a TypeScript module imports or re-exports as values, statically or by `import('…')` of a literal; in order, each once. */
export function importsOf(text: string): string[] {
  // Blanks out comments but keeps strings; a string that looks like an import statement would be one import too many, which is harmless.
  const code = text.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\/\*[\s\S]*?\*\/|(?<![:\\])\/\/[^\n]*/g,
    (_, string: string | undefined) => string ?? ' ',
  );
  const found = new Set<string>();
  const statement =
    /(?:^|[;}\s])(?:import|export)\s+(type\s+(?!from\b))?((?:[\w$*\s,]|\{[^}]*\})*?)\s*\bfrom\s*['"]([^'"\n]+)['"]/g;
  for (const [, typeOnly, clause, specifier] of code.matchAll(statement)) {
    if (typeOnly === undefined && !importsTypesOnly(clause)) found.add(specifier);
  }
  for (const [, specifier] of code.matchAll(/(?:^|[;}\s])import\s*['"]([^'"\n]+)['"]/g)) found.add(specifier);
  for (const [, specifier] of code.matchAll(/\bimport\s*\(\s*['"]([^'"\n]+)['"]\s*\)/g)) found.add(specifier);
  return [...found];
}

/** `{ type A, type B }`: nothing of it is left when it runs. */
function importsTypesOnly(clause: string): boolean {
  const names = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1];
  if (names === undefined) return false;
  const listed = names.split(',').map((name) => name.trim());
  return listed.every((name) => name === '' || name.startsWith('type ')) && listed.some((name) => name !== '');
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function packageVersion(root: string, name: string): string {
  for (const folder of createRequire(join(root, 'package.json')).resolve.paths(name) ?? []) {
    const path = join(folder, name, 'package.json');
    if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
  }
  return 'not installed';
}
