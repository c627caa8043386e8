/** A YAML file that knows where each of its values stands. */
import { isMap, isNode, isPair, LineCounter, type Node, type Pair, parseDocument } from 'yaml';
import { ConfigError } from '../errors.ts';
import { suggestion } from './nearest.ts';

export type Path = readonly (string | number)[];

/** Where a value came from: a place in a file, or a word on the command line. */
export interface Layer {
  value: unknown;
  /** An error about the value at `path`, or null where this layer does not set it. `onKey` points at the key. */
  error(path: Path, message: string, onKey?: boolean): ConfigError | null;
}

export interface YamlSource {
  file: string;
  value: unknown;
  /** The error of what stands at `path` (or at its nearest ancestor). `onKey` points at the key, not the value. */
  error(path: Path, message: string, onKey?: boolean): ConfigError;
  /** The part of the file at `path`, as a layer of settings. */
  layer(path: Path): Layer;
}

/** Parses YAML text. Throws ConfigError with line and column for a syntax error or a key that occurs twice. */
export function parseYaml(text: string, file: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): { file: string; line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const [problem] = document.errors;
  if (problem) {
    const what = problem.code === 'DUPLICATE_KEY' ? 'this key occurs twice in the same place' : problem.message;
    throw new ConfigError(`${what}. Correct it and try again`, { ...place(problem.pos[0]), cause: problem });
  }
  const offsetOf = (path: Path, onKey: boolean): { offset: number; exact: boolean } => {
    let node: unknown = document.contents;
    let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
    for (const [depth, key] of path.entries()) {
      const pair = isMap(node) ? node.items.find((item) => keyOf(item) === String(key)) : undefined;
      const next = pair ? pair.value : isNode(node) && 'get' in node ? (node.get as GetNode)(key, true) : undefined;
      const target = pair && (onKey || depth < path.length - 1 || !isNode(next)) ? pair.key : next;
      if (isNode(target)) offset = target.range?.[0] ?? offset;
      if (!isNode(next)) return { offset, exact: pair !== undefined && depth === path.length - 1 };
      node = next;
    }
    return { offset, exact: true };
  };
  const error = (path: Path, message: string, onKey = false): ConfigError =>
    new ConfigError(message, place(offsetOf(path, onKey).offset));
  const value = plainValue(document, file);
  return {
    file,
    value,
    error,
    layer: (base) => ({
      value: valueAt(value, base),
      error: (path, message, onKey) =>
        offsetOf([...base, ...path], false).exact ? error([...base, ...path], message, onKey) : null,
    }),
  };
}

/** An alias (`*name`) whose anchor is missing shows only here. */
function plainValue(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS() as unknown;
  } catch (cause) {
    throw new ConfigError(`${(cause as Error).message}. Quote a value that begins with *`, { file, cause });
  }
}

/** Throws ConfigError for the first key of the mapping at `path` that is not among `known`. */
export function onlyKeys(
  source: YamlSource,
  path: readonly (string | number)[],
  known: readonly string[],
  what: string,
): void {
  const value = source.layer(path).value;
  if (!isRecord(value)) throw source.error(path, `${what} must be a mapping of ${known.join(', ')}`);
  for (const key of Object.keys(value)) {
    if (!known.includes(key))
      throw source.error([...path, key], `${what} has no key "${key}". ${suggestion(key, known)}`, true);
  }
}

/** What stands at `path` of a nested value, or undefined. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, key) => {
    if (Array.isArray(at)) return (at as unknown[])[Number(key)];
    return isRecord(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }, value);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type GetNode = (key: string | number, keepScalar: true) => Node | undefined;

function keyOf(item: Pair): string | null {
  return isPair(item) && isNode(item.key) && 'value' in item.key ? String(item.key.value) : null;
}
