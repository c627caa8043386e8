/** The key under which a step's outputs are kept: everything that they depend on. */
import { createHash } from 'node:crypto';
import { settingsRead } from './reads.ts';
import { type StageInput, type StageSpec, stages } from './stages.ts';

/** What outside the settings and inputs a step depends on: digests of model folders and of the source, by name. */
export type Outside = Readonly<Record<string, string>>;

/** SHA-256 of the stage, its settings sections, seed, input digests, code, and what it reads from outside. */
export function cacheKey(input: StageInput, outside: Outside): string {
  const stage: StageSpec = stages[input.stage];
  const material = {
    format: 1,
    stage: input.stage,
    settings: settingsRead(input.settings, [stage.section, ...(stage.alsoReads ?? [])]),
    seed: input.seed,
    inputs: Object.fromEntries(Object.entries(input.inputs).map(([name, ref]) => [name, ref.digest])),
    code: input.code,
    outside,
  };
  return createHash('sha256').update(canonical(material)).digest('hex');
}

/** JSON with sorted keys: equal values give equal text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`)
    .join(',')}}`;
}
