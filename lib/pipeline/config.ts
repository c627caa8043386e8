/** pipelines.yaml: named pipelines and named profiles, checked whole before anything starts; and the plan that a run is made of. */
import { readFileSync } from 'node:fs';
import { ConfigError } from '../errors.ts';
import type { Plan } from './plan.ts';
import { suggestion } from './nearest.ts';
import { buildSteps, readPipeline, type PipelineSpec } from './pipeline-spec.ts';
import { resolveSettings, sections, settingFromText } from './settings.ts';
import { isRecord, type Layer, onlyKeys, parseYaml, type YamlSource } from './source.ts';
import type { Settings } from './stage-settings.ts';

export interface Config {
  file: string;
  pipelines: ReadonlyMap<string, PipelineSpec>;
  profiles: ReadonlyMap<string, Profile>;
  source: YamlSource;
}

export interface Profile {
  name: string;
  description: string;
  seed: number;
  /** Its own layer of settings, below it those of the profiles it extends. */
  layers: Layer[];
}

export interface PlanRequest {
  pipeline: string;
  /** null: the pipeline's own. */
  profile: string | null;
  /** `--set` words: `section.key=value`, or `seed=value`. */
  set: readonly string[];
}

/** Reads and checks the whole file: every pipeline with its profile, and every profile. Throws ConfigError. */
export function loadConfig(path: string): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`${path} cannot be read. Run newshound in its folder, or name the file with --config`, {
      cause,
    });
  }
  return parseConfig(text, path);
}

/** As `loadConfig`, of text. `file` is what errors call it. */
export function parseConfig(text: string, file: string): Config {
  const source = parseYaml(text, file);
  onlyKeys(source, [], ['pipelines', 'profiles'], 'the file');
  const profiles = new Map(namesUnder(source, 'profiles').map((name) => [name, readProfile(source, name, [])]));
  const resolved = new Map([...profiles].map(([name, profile]) => [name, resolveSettings(profile.layers)]));
  const pipelines = new Map(namesUnder(source, 'pipelines').map((name) => [name, readPipeline(source, name)]));
  for (const [name, spec] of pipelines) {
    if (!profiles.has(spec.profile)) {
      throw source.error(
        ['pipelines', name, 'profile'],
        `there is no profile "${spec.profile}". ${suggestion(spec.profile, [...profiles.keys()])}`,
      );
    }
    const from = spec.takes?.from;
    if (from !== undefined && !pipelines.has(from)) {
      throw source.error(
        ['pipelines', name, 'takes', 'from'],
        `there is no pipeline "${from}". ${suggestion(from, [...pipelines.keys()])}`,
      );
    }
    const layers = profiles.get(spec.profile)?.layers ?? [];
    buildSteps(source, spec, layers, resolved.get(spec.profile) as Settings);
    for (const { layer } of spec.arms) resolveSettings([...layers, layer]);
  }
  return { file, pipelines, profiles, source };
}

/** The plan of one run. Throws ConfigError. */
export function createPlan(config: Config, request: PlanRequest): Plan {
  const spec = config.pipelines.get(request.pipeline);
  if (!spec) {
    throw new ConfigError(
      `${config.file} has no pipeline "${request.pipeline}". ${suggestion(request.pipeline, [...config.pipelines.keys()])}`,
    );
  }
  if (spec.arms.length > 0)
    throw new ConfigError(`pipeline "${spec.name}" has arms: run it with newshound paper (npm run paper)`);
  const profileName = request.profile ?? spec.profile;
  const profile = config.profiles.get(profileName);
  if (!profile) {
    throw new ConfigError(
      `${config.file} has no profile "${profileName}". ${suggestion(profileName, [...config.profiles.keys()])}`,
    );
  }
  const words = request.set.map(settingFromText);
  const seeds = words.filter(({ path }) => path.length === 1 && path[0] === 'seed');
  const layers = [...profile.layers, ...words.filter((word) => !seeds.includes(word))];
  const settings = resolveSettings(layers);
  const seed = seeds.length === 0 ? profile.seed : (seeds[seeds.length - 1].value as { seed: unknown }).seed;
  if (!isSeed(seed))
    throw new ConfigError(`--set seed: a seed is a whole number of at least 0, not ${JSON.stringify(seed)}`);
  return {
    pipeline: spec.name,
    profile: profileName,
    seed,
    settings,
    steps: buildSteps(config.source, spec, layers, settings),
    takes: spec.takes,
  };
}

function readProfile(source: YamlSource, name: string, extendedBy: readonly string[]): Profile {
  const path = ['profiles', name];
  onlyKeys(source, path, ['description', 'extends', 'seed', ...sections], `profile ${name}`);
  const value = source.layer(path).value as Record<string, unknown>;
  const base = value['extends'];
  if (base !== undefined && (typeof base !== 'string' || !namesUnder(source, 'profiles').includes(base))) {
    const others = namesUnder(source, 'profiles').filter((other) => other !== name);
    throw source.error(
      [...path, 'extends'],
      `there is no profile ${JSON.stringify(base)}. ${suggestion(JSON.stringify(base), others)}`,
    );
  }
  const chain = [...extendedBy, name];
  if (typeof base === 'string' && chain.includes(base)) {
    throw source.error([...path, 'extends'], `profiles extend each other in a circle: ${[...chain, base].join(' → ')}`);
  }
  const below = typeof base === 'string' ? readProfile(source, base, chain) : null;
  if (value['seed'] !== undefined && !isSeed(value['seed'])) {
    throw source.error(
      [...path, 'seed'],
      `a seed is a whole number of at least 0, not ${JSON.stringify(value['seed'])}`,
    );
  }
  const own = source.layer(path);
  const { description: _description, extends: _extends, seed: _seed, ...values } = value;
  return {
    name,
    description: typeof value['description'] === 'string' ? value['description'] : '',
    seed: (value['seed'] as number | undefined) ?? below?.seed ?? 1,
    layers: [...(below?.layers ?? []), { value: values, error: own.error }],
  };
}

function namesUnder(source: YamlSource, key: string): string[] {
  const value = source.layer([key]).value;
  if (!isRecord(value)) throw source.error([key], `${key} must be a mapping of names`, true);
  return Object.keys(value);
}

function isSeed(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
