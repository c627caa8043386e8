/** The arms of a pipeline in pipelines.yaml: ways to run its steps that are compared with each other. */
import { suggestion } from './nearest.ts';
import { isRecord, type Layer, onlyKeys, type Path, type YamlSource } from './source.ts';
import type { SourceSettings } from './stage-settings.ts';

export interface ArmSpec {
  name: string;
  summary: string;
  /** The steps it is run for; what they need runs before them. */
  ends: string[];
  /** The settings that make it what it is. */
  layer: Layer;
  optional: boolean;
  /** The one source that it says something about; null: any. */
  only: SourceSettings['kind'] | null;
}

const sources = ['world', 'mind', 'warehouse'] as const satisfies readonly SourceSettings['kind'][];

/** Reads the list at `path`; none is an empty one. Throws ConfigError at the first thing that is wrong. */
export function readArms(source: YamlSource, path: Path, steps: readonly string[]): ArmSpec[] {
  const value = source.layer(path).value;
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw source.error(path, 'arms must be a list of "- name: NAME" with "ends: [STEP, …]"');
  const arms = value.map((_, i) => readArm(source, [...path, i], steps));
  for (const [i, arm] of arms.entries())
    if (arms.findIndex(({ name }) => name === arm.name) < i)
      throw source.error([...path, i], `there are two arms named "${arm.name}". Give one of them another name`);
  return arms;
}

function readArm(source: YamlSource, path: (string | number)[], steps: readonly string[]): ArmSpec {
  onlyKeys(source, path, ['name', 'summary', 'ends', 'with', 'optional', 'only'], 'an arm');
  const value = source.layer(path).value as Record<string, unknown>;
  const { name, summary = '', ends, optional = false, only = null } = value;
  if (typeof name !== 'string' || !/^[a-z][a-z0-9_]*$/.test(name))
    throw source.error(path, `an arm needs a "name" of small letters, digits and _, not ${JSON.stringify(name)}`);
  if (typeof summary !== 'string') throw source.error([...path, 'summary'], 'summary must be text');
  if (!Array.isArray(ends) || ends.length === 0)
    throw source.error(path, `arm ${name} needs "ends: [STEP, …]": the steps that it is run for`);
  for (const [i, end] of ends.entries())
    if (!steps.includes(String(end)))
      throw source.error([...path, 'ends', i], `"${String(end)}" is no step. ${suggestion(String(end), steps)}`);
  if (typeof optional !== 'boolean') throw source.error([...path, 'optional'], 'optional must be true or false');
  if (only !== null && !(sources as readonly unknown[]).includes(only))
    throw source.error([...path, 'only'], `only must be one of ${sources.join(', ')}, not ${JSON.stringify(only)}`);
  const own = source.layer([...path, 'with']);
  if (own.value !== undefined && !isRecord(own.value))
    throw source.error([...path, 'with'], 'with must be a mapping of sections of settings');
  return { name, summary, ends: ends as string[], layer: own, optional, only: only as ArmSpec['only'] };
}
