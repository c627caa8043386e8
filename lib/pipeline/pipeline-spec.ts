/** One pipeline of pipelines.yaml: its steps, checked against the stages and against each other. */
import { type ArmSpec, readArms } from './arm-spec.ts';
import { parseCondition } from './condition.ts';
import { ancestors, findCycle, valueAt } from './dag.ts';
import { suggestion } from './nearest.ts';
import type { PlanStep } from './plan.ts';
import { resolveSettings } from './settings.ts';
import { isRecord, type Layer, onlyKeys, type YamlSource } from './source.ts';
import type { Settings } from './stage-settings.ts';
import { type StageName, type StageSpec, stages } from './stages.ts';

export interface PipelineSpec {
  name: string;
  description: string;
  /** The profile where the command line names none. */
  profile: string;
  /** Cron line (UTC) that `newshound schedule` uses, or null. */
  schedule: string | null;
  takes: { from: string; outputs: string[] } | null;
  steps: StepSpec[];
  /** Ways to run the steps that a paper run compares; of an ordinary pipeline none. */
  arms: ArmSpec[];
}

interface StepSpec {
  name: string;
  uses: StageName;
  needs: string[];
  when: string | null;
  queue: string | null;
}

/** Reads `pipelines.NAME`. Throws ConfigError at the first thing that is wrong. */
export function readPipeline(source: YamlSource, name: string): PipelineSpec {
  const path = ['pipelines', name];
  onlyKeys(source, path, ['description', 'profile', 'schedule', 'takes', 'steps', 'arms'], `pipeline ${name}`);
  const value = source.layer(path).value as Record<string, unknown>;
  if (!/^[a-z][a-z0-9-]*$/.test(name)) {
    throw source.error(path, `"${name}" cannot name a pipeline: use small letters, digits and -`, true);
  }
  if (!Array.isArray(value['steps']) || value['steps'].length === 0) {
    throw source.error([...path, 'steps'], `pipeline ${name} needs steps: a list of "- uses: STAGE"`);
  }
  const steps = value['steps'].map((_, i) => readStep(source, [...path, 'steps', i]));
  for (const [i, step] of steps.entries()) {
    if (steps.findIndex((other) => other.name === step.name) < i) {
      throw source.error(
        [...path, 'steps', i],
        `there are two steps named "${step.name}". Give one of them another name`,
      );
    }
  }
  return {
    name,
    description: optionalText(source, [...path, 'description']) ?? '',
    profile: optionalText(source, [...path, 'profile']) ?? 'demo',
    schedule: cronLine(source, [...path, 'schedule']),
    takes: readTakes(source, [...path, 'takes'], value['takes']),
    steps,
    arms: readArms(
      source,
      [...path, 'arms'],
      steps.map((step) => step.name),
    ),
  };
}

/** The steps of a plan: needs, inputs, conditions and settings resolved. Throws ConfigError. */
export function buildSteps(
  source: YamlSource,
  spec: PipelineSpec,
  layers: readonly Layer[],
  settings: Settings,
): PlanStep[] {
  const names = spec.steps.map((step) => step.name);
  const pathOf = (i: number, ...rest: (string | number)[]) => ['pipelines', spec.name, 'steps', i, ...rest];
  for (const [i, step] of spec.steps.entries()) {
    for (const [j, need] of step.needs.entries()) {
      if (!names.includes(need)) {
        const others = names.filter((name) => name !== step.name);
        throw source.error(
          pathOf(i, 'needs', j),
          `step ${step.name} needs "${need}", which is no step. ${suggestion(need, others)}`,
        );
      }
    }
  }
  const cycle = findCycle(spec.steps);
  if (cycle) {
    throw source.error(
      pathOf(names.indexOf(cycle[0]), 'needs'),
      `steps need each other in a circle: ${cycle.join(' → ')}. Remove one of these needs`,
    );
  }
  return spec.steps.map((step, i) => {
    const stage: StageSpec = stages[step.uses];
    const { section } = stage;
    return {
      name: step.name,
      uses: step.uses,
      needs: step.needs,
      when: condition(source, spec, step, pathOf(i, 'when'), settings),
      runs: stage.runs,
      queue: step.queue ?? stage.queue,
      summary: stage.summary,
      section,
      settings: withOwn(source, pathOf(i, 'with'), section, layers, settings)[section],
      reads: [section, ...(stage.alsoReads ?? [])],
      inputs: inputs(source, spec, step, stage, pathOf(i)),
    };
  });
}

function readStep(source: YamlSource, path: (string | number)[]): StepSpec {
  onlyKeys(source, path, ['uses', 'name', 'needs', 'with', 'when', 'queue'], 'a step');
  const value = source.layer(path).value as Record<string, unknown>;
  const known = Object.keys(stages);
  const uses = value['uses'];
  if (typeof uses !== 'string') throw source.error(path, `a step needs "uses: STAGE". Stages: ${known.join(', ')}`);
  if (!Object.hasOwn(stages, uses)) {
    throw source.error([...path, 'uses'], `there is no stage "${uses}". ${suggestion(uses, known)}`);
  }
  const name = optionalText(source, [...path, 'name']) ?? uses;
  if (!/^[A-Za-z][\w-]*$/.test(name) || name === 'settings') {
    throw source.error(
      [...path, 'name'],
      `"${name}" cannot name a step: use letters, digits, _ and - (and not "settings")`,
    );
  }
  const needs = value['needs'] ?? [];
  if (!Array.isArray(needs) || needs.some((need) => typeof need !== 'string')) {
    throw source.error([...path, 'needs'], `needs must be a list of step names, not ${JSON.stringify(needs)}`);
  }
  const queue = optionalText(source, [...path, 'queue']);
  if (queue !== null && !/^[a-z][a-z0-9-]*$/.test(queue)) {
    throw source.error([...path, 'queue'], `"${queue}" cannot name a queue: use small letters, digits and -`);
  }
  return {
    name,
    uses: uses as StageName,
    needs: needs as string[],
    when: optionalText(source, [...path, 'when']),
    queue,
  };
}

function readTakes(source: YamlSource, path: string[], value: unknown): PipelineSpec['takes'] {
  if (value === undefined) return null;
  onlyKeys(source, path, ['from', 'outputs'], 'takes');
  const { from, outputs } = value as { from?: unknown; outputs?: unknown };
  const known = Object.values<StageSpec>(stages).flatMap((stage) => Object.keys(stage.produces));
  if (typeof from !== 'string' || !Array.isArray(outputs)) {
    throw source.error(path, 'takes needs "from: PIPELINE" and "outputs: [NAME, …]"');
  }
  for (const [i, output] of outputs.entries()) {
    if (!known.includes(String(output))) {
      throw source.error(
        [...path, 'outputs', i],
        `no stage makes "${String(output)}". ${suggestion(String(output), known)}`,
      );
    }
  }
  return { from, outputs: outputs as string[] };
}

function withOwn(
  source: YamlSource,
  path: (string | number)[],
  section: string,
  layers: readonly Layer[],
  settings: Settings,
): Settings {
  const own = source.layer(path);
  if (own.value === undefined || own.value === null) return settings;
  if (!isRecord(own.value)) throw source.error(path, 'with must be a mapping of settings');
  const [profileLayers, words] = [
    layers.filter((layer) => !('path' in layer)),
    layers.filter((layer) => 'path' in layer),
  ];
  const layer: Layer = {
    value: { [section]: own.value },
    error: ([first, ...rest], message, onKey) => (first === section ? own.error(rest, message, onKey) : null),
  };
  // The command line has the last word.
  return resolveSettings([...profileLayers, layer, ...words]);
}

function condition(
  source: YamlSource,
  spec: PipelineSpec,
  step: StepSpec,
  path: (string | number)[],
  settings: Settings,
): PlanStep['when'] {
  if (step.when === null) return null;
  const parsed = parseCondition(step.when);
  if ('problem' in parsed) throw source.error(path, parsed.problem);
  // What is not there would count as false: a slip of the pen would skip the step, or let it pass.
  if (parsed.of === 'settings') {
    if (valueAt(settings, parsed.path) === undefined)
      throw source.error(path, `there is no setting ${parsed.path.join('.')}, for "${step.when}" to ask`);
    return parsed;
  }
  const before = [...ancestors(spec.steps, step.name)];
  const { of } = parsed;
  if (!before.includes(of.step)) {
    throw source.error(
      path,
      `"${of.step}" in "${step.when}" is no step that ${step.name} needs. ${suggestion(of.step, before)}`,
    );
  }
  const { uses } = spec.steps.find((other) => other.name === of.step) as StepSpec;
  const { facts = [] }: StageSpec = stages[uses];
  const asked = parsed.path.join('.');
  if (!facts.includes(asked))
    throw source.error(
      path,
      facts.length === 0
        ? `stage ${uses} has no fact that "${step.when}" could ask for`
        : `stage ${uses} has no fact "${asked}". ${suggestion(asked, facts)}`,
    );
  return parsed;
}

/** Who gives each input: the nearest ancestor that makes it, or an earlier run. */
function inputs(
  source: YamlSource,
  spec: PipelineSpec,
  step: StepSpec,
  stage: StageSpec,
  path: (string | number)[],
): PlanStep['inputs'] {
  const before = ancestors(spec.steps, step.name);
  const found: PlanStep['inputs'] = {};
  for (const consumed of stage.consumes) {
    const optional = consumed.endsWith('?');
    const input = optional ? consumed.slice(0, -1) : consumed;
    const makers = spec.steps.filter(
      (other) => before.has(other.name) && Object.hasOwn(stages[other.uses].produces, input),
    );
    const nearestMakers = makers.filter(
      (maker) => !makers.some((other) => ancestors(spec.steps, other.name).has(maker.name)),
    );
    if (nearestMakers.length > 1) {
      throw source.error(
        path,
        `step ${step.name} takes ${input}, and both ${nearestMakers.map((maker) => maker.name).join(' and ')} give it. Let one need the other`,
      );
    }
    if (nearestMakers.length === 1) {
      found[input] = { from: nearestMakers[0].name, optional };
    } else if (spec.takes?.outputs.includes(input)) {
      found[input] = { from: null, optional };
    } else if (!optional) {
      throw source.error(
        path,
        `step ${step.name} takes ${input}, and no step that it needs gives it. ${hint(spec, step, input)}`,
      );
    }
  }
  return found;
}

function hint(spec: PipelineSpec, step: StepSpec, input: string): string {
  const inPipeline = spec.steps.find(
    (other) => other.name !== step.name && Object.hasOwn(stages[other.uses].produces, input),
  );
  if (inPipeline) return `Add ${inPipeline.name} to its needs`;
  const stage = Object.entries<StageSpec>(stages).find(([, other]) => Object.hasOwn(other.produces, input))?.[0];
  return `Add a step that uses ${stage}, or take it from another pipeline's run ("takes")`;
}

/** Minutes, hours, days, months, weekdays: numbers, names, `*`, lists, ranges and steps; or `@daily` and the like. */
const cronFormat =
  /^(?:@(?:hourly|daily|midnight|weekly|monthly|yearly|annually)|[\d*/,-]+ [\d*/,-]+ [\d*/,?-]+ [\dA-Za-z*/,-]+ [\dA-Za-z*/,?-]+)$/;

/** What is wrong with a cron line, as a sentence; null where nothing is. */
export function cronProblem(line: string): string | null {
  if (cronFormat.test(line)) return null;
  return `"${line}" is no cron line. Write minute, hour, day, month and weekday (UTC), as "0 3 * * *"`;
}

function cronLine(source: YamlSource, path: (string | number)[]): string | null {
  const line = optionalText(source, path);
  const problem = line === null ? null : cronProblem(line);
  if (problem !== null) throw source.error(path, problem);
  return line;
}

function optionalText(source: YamlSource, path: (string | number)[]): string | null {
  const value = source.layer(path).value;
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string')
    throw source.error(path, `${String(path.at(-1))} must be text, not ${JSON.stringify(value)}`);
  return value;
}
