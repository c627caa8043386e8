/** Settings from layers (profile, the profiles it extends, `with`, `--set`): merged, validated, filled with defaults, documented. */
import { parse as parseYamlValue } from 'yaml';
import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import { nearest } from './nearest.ts';
import { isRecord, type Layer, type Path, valueAt } from './source.ts';
import { type Settings, settingsSchema } from './stage-settings.ts';

/** Names of the sections of settings: those of the stages in their order, then that of paper runs. */
export const sections = settingsSchema.keyof().options;

/** Merges layers (later ones win, objects key by key) and fills in defaults. Throws ConfigError at the layer that is wrong. */
export function resolveSettings(layers: readonly Layer[]): Settings {
  const merged = layers.reduce<unknown>((below, layer) => overlay(below, layer.value), {});
  const result = settingsSchema.safeParse(merged);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue.path.filter((key): key is string | number => typeof key !== 'symbol');
  const blame = (at: Path, message: string, onKey = false): ConfigError =>
    [...layers]
      .reverse()
      .reduce<ConfigError | null>((found, layer) => found ?? layer.error(at, message, onKey), null) ??
    new ConfigError(message);
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys;
    throw blame([...path, key], unknownKey(path, key), true);
  }
  throw blame(path, `${path.join('.')} ${wrongValue(issue, valueAt(merged, path))}${documentation(path)}`);
}

/** A `--set section.key=value` of the command line; the value is read as YAML. Throws ConfigError. */
export function settingFromText(text: string): Layer & { path: string[] } {
  const equals = text.indexOf('=');
  const path = text.slice(0, Math.max(0, equals)).trim().split('.');
  const where = `--set ${text}`;
  if (equals < 1 || path.some((key) => key === '')) {
    throw new ConfigError(`${where}: write --set SECTION.KEY=VALUE, as in --set teacher.rounds=20`);
  }
  let parsed: unknown;
  try {
    parsed = parseYamlValue(text.slice(equals + 1));
  } catch (cause) {
    throw new ConfigError(`${where}: the value is not valid YAML. Quote it if it holds : [ ] { } or #`, { cause });
  }
  const value = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), parsed);
  return {
    path,
    value,
    error: (at, message) =>
      at.every((key, i) => i >= path.length || path[i] === String(key))
        ? new ConfigError(`${where}: ${message}`)
        : null,
  };
}

export interface SettingRow {
  /** `section.key`, deeper keys with more dots. */
  key: string;
  type: string;
  /** JSON of the default. */
  default: string;
  description: string;
}

/** Every setting with its type, default and meaning: the documentation that `newshound config` prints. */
export function describeSettings(): SettingRow[] {
  return Object.entries(documented().properties ?? {}).flatMap(([name, section]) => rows(name, section));
}

/** The part of JSON Schema that zod's settings use. */
interface Shape {
  type?: string;
  properties?: Record<string, Shape>;
  items?: Shape;
  enum?: unknown[];
  default?: unknown;
  description?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  additionalProperties?: unknown;
}

function documented(): Shape {
  return z.toJSONSchema(settingsSchema, { io: 'input' }) as Shape;
}

function rows(prefix: string, shape: Shape, inherited?: unknown): SettingRow[] {
  return Object.entries(shape.properties ?? {}).flatMap(([name, inner]) => {
    const key = `${prefix}.${name}`;
    const fallback = inner.default ?? (isRecord(inherited) ? inherited[name] : undefined);
    if (inner.properties) return rows(key, inner, fallback);
    return [
      {
        key,
        type: typeName(inner),
        default: fallback === undefined ? '' : JSON.stringify(fallback),
        description: inner.description ?? '',
      },
    ];
  });
}

function typeName(shape: Shape): string {
  if (shape.enum) return shape.enum.map(String).join(' | ');
  if (shape.type === 'array') return `list of ${shape.items ? typeName(shape.items) : 'anything'}`;
  if (shape.type === 'object') return 'mapping';
  const safe = (bound: number | undefined): bound is number =>
    bound !== undefined && Math.abs(bound) !== Number.MAX_SAFE_INTEGER;
  const bounds = [
    ...(safe(shape.minimum) ? [`≥ ${shape.minimum}`] : []),
    ...(safe(shape.exclusiveMinimum) ? [`> ${shape.exclusiveMinimum}`] : []),
    ...(safe(shape.maximum) ? [`≤ ${shape.maximum}`] : []),
    ...(safe(shape.exclusiveMaximum) ? [`< ${shape.exclusiveMaximum}`] : []),
  ];
  const name = { integer: 'whole number', number: 'number', boolean: 'true | false', string: 'text' }[shape.type ?? ''];
  return [name ?? shape.type ?? 'anything', ...(bounds.length > 0 ? [bounds.join(', ')] : [])].join(' ');
}

/** The shape at a path of settings, or null where there is none. */
function shapeAt(path: Path): Shape | null {
  return path.reduce<Shape | null>((at, key) => {
    if (at?.type === 'array') return at.items ?? null;
    return at?.properties?.[String(key)] ?? null;
  }, documented());
}

function unknownKey(path: Path, key: string): string {
  const known = Object.keys(shapeAt(path)?.properties ?? {});
  const what = path.length === 0 ? `there is no section "${key}"` : `${path.join('.')} has no setting "${key}"`;
  const close = nearest(key, known);
  const elsewhere =
    close === null ? describeSettings().find((row) => row.key.split('.').at(-1) === key)?.key : undefined;
  if (close !== null) return `${what}. Did you mean "${close}"?`;
  if (elsewhere !== undefined) return `${what}. Did you mean "${elsewhere}"?`;
  return `${what}. There is ${known.join(', ')}`;
}

type Issue = z.core.$ZodIssue;

const typeNames: Partial<Record<string, string>> = { int: 'a whole number', object: 'a mapping', array: 'a list' };

function wrongValue(issue: Issue, value: unknown): string {
  const got = value === undefined ? 'nothing' : JSON.stringify(value);
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${typeNames[issue.expected] ?? `a ${issue.expected}`}, not ${got}`;
    case 'too_small':
      if (issue.origin === 'array') return `must hold ${issue.minimum} at least, not ${got}`;
      return `must be ${issue.inclusive === false ? 'above' : 'at least'} ${issue.minimum}, not ${got}`;
    case 'too_big':
      return `must be ${issue.inclusive === false ? 'below' : 'at most'} ${issue.maximum}, not ${got}`;
    case 'invalid_value': {
      const close = typeof value === 'string' ? nearest(value, issue.values.map(String)) : null;
      return `must be one of ${issue.values.map(String).join(', ')}, not ${got}${close === null ? '' : `. Did you mean "${close}"?`}`;
    }
    case 'custom':
      return `${issue.message}, as ${got} does`;
    default:
      return `cannot be ${got}: ${issue.message}`;
  }
}

function documentation(path: Path): string {
  const text = shapeAt(path)?.description;
  return text ? ` (${text})` : '';
}

function overlay(below: unknown, above: unknown): unknown {
  if (above === undefined || (above === null && isRecord(below))) return below;
  if (!isRecord(below) || !isRecord(above)) return above;
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) merged[key] = overlay(below[key], value);
  return merged;
}
