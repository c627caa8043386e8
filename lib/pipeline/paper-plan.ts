/** The plan of a paper run: the arms of a pipeline, in every world and with every seed, made to fit into its hours. */
import { ConfigError } from '../errors.ts';
import type { ArmSpec } from './arm-spec.ts';
import { canonical } from './cache-key.ts';
import type { Config } from './config.ts';
import { ancestors } from './dag.ts';
import { suggestion } from './nearest.ts';
import type { Arm, Lane, PaperPlan } from './paper.ts';
import { stepSeconds } from './paper-cost.ts';
import { buildSteps, type PipelineSpec } from './pipeline-spec.ts';
import type { PlanStep } from './plan.ts';
import { settingsRead } from './reads.ts';
import { resolveSettings, settingFromText } from './settings.ts';
import type { Layer } from './source.ts';
import type { Settings } from './stage-settings.ts';
import type { Json } from './stages.ts';

const PIPELINE = 'paper';

export interface PaperRequest {
  /** null: the pipeline's own. */
  profile: string | null;
  /** `--set` words: `section.key=value`. */
  set: readonly string[];
}

/**
 * The plan of one paper run. Where the hours do not suffice, it is made smaller in this order: seeds (the last first, down to two), test
 * readers (down to `paper.leastReaders`), optional arms (the last first), and the second seed. Throws ConfigError.
 */
export function createPaperPlan(config: Config, request: PaperRequest): PaperPlan {
  const spec = config.pipelines.get(PIPELINE);
  if (!spec || spec.arms.length === 0)
    throw new ConfigError(
      `${config.file} has no pipeline "${PIPELINE}" with arms: take it from newshound's own pipelines.yaml`,
    );
  const name = request.profile ?? spec.profile;
  const profile = config.profiles.get(name);
  if (!profile)
    throw new ConfigError(`${config.file} has no profile "${name}". ${suggestion(name, [...config.profiles.keys()])}`);
  const layers = [...profile.layers, ...request.set.map(setting)];
  const settings = resolveSettings(layers);
  const { paper, source } = settings;
  const chosen = chosenArms(spec, paper.arms);
  const possible = chosen.filter(({ only }) => only === null || only === source.kind);
  const worlds = source.kind === 'world' ? paper.worlds : [null];
  const draft = {
    lanes: paper.seeds.flatMap((seed) => worlds.map((world): Lane => ({ world, seed }))),
    arms: possible.map((arm) => armOf(config, spec, name, arm, layers)),
  };
  const fitted = fit(draft, settings, (readers) =>
    possible.map((arm) => armOf(config, spec, name, arm, [...layers, fewerReaders(readers)])),
  );
  return {
    pipeline: PIPELINE,
    profile: name,
    seed: paper.seeds[0],
    settings: paper,
    source,
    ...fitted,
    impossible: chosen.filter((arm) => !possible.includes(arm)).map((arm) => arm.name),
    notAsked: spec.arms.filter((arm) => !chosen.includes(arm)).map((arm) => arm.name),
    // A folder is this machine's, and no part of what was measured.
    set: request.set.filter((word) => !word.startsWith('source.path=')),
  };
}

/** Expected seconds of work of all arms in all lanes. */
export function expectedSeconds({ lanes, arms }: Pick<PaperPlan, 'lanes' | 'arms'>): number {
  return lanes.length * arms.reduce((sum, { seconds }) => sum + seconds, 0);
}

type Draft = Pick<PaperPlan, 'lanes' | 'arms'>;

function fit(
  draft: Draft,
  { paper, source }: Settings,
  withReaders: (readers: number) => Arm[],
): Draft & Pick<PaperPlan, 'shrunk'> {
  const limit = 3600 * paper.hours;
  const shrunk: string[] = [];
  let { lanes, arms } = draft;
  const isTooLong = (): boolean => expectedSeconds({ lanes, arms: shared(arms) }) > limit;
  const seeds = [...paper.seeds];
  const downTo = (least: number): void => {
    while (isTooLong() && seeds.length > least) {
      const seed = seeds.pop();
      lanes = lanes.filter((lane) => lane.seed !== seed);
      shrunk.push(`seed ${seed} was left out${seeds.length === 1 ? ': of one seed no claim can be told' : ''}`);
    }
  };
  downTo(2);
  if (isTooLong() && source.kind === 'world' && source.testReaders > paper.leastReaders) {
    arms = withReaders(paper.leastReaders);
    shrunk.push(`test readers of a world: ${paper.leastReaders} instead of ${source.testReaders}`);
  }
  while (isTooLong() && arms.some(({ optional }) => optional)) {
    const last = arms.findLast(({ optional }) => optional) as Arm;
    arms = arms.filter((arm) => arm !== last);
    shrunk.push(`arm ${last.name} was left out`);
  }
  downTo(1);
  return { lanes, arms: shared(arms), shrunk };
}

function setting(word: string): Layer {
  const layer = settingFromText(word);
  if (layer.path[0] === 'seed')
    throw new ConfigError(`--set ${word}: a paper run has several seeds. Write --set paper.seeds=[1,2,3]`);
  if (layer.path.join('.') === 'source.worldSeed')
    throw new ConfigError(`--set ${word}: a paper run has several worlds. Write --set paper.worlds=[2032,2033]`);
  return layer;
}

function chosenArms({ arms }: PipelineSpec, names: readonly string[]): ArmSpec[] {
  const known = arms.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new ConfigError(`paper.arms: there is no arm "${unknown}". ${suggestion(unknown, known)}`);
  return names.length === 0 ? arms : arms.filter(({ name }) => names.includes(name));
}

/** An arm's own settings have the last word: they are what it tests. */
function armOf(config: Config, spec: PipelineSpec, profile: string, arm: ArmSpec, layers: readonly Layer[]): Arm {
  const own = [...layers, arm.layer];
  const settings = resolveSettings(own);
  const steps = buildSteps(config.source, spec, own, settings);
  const needed = new Set(arm.ends.flatMap((end) => [end, ...ancestors(steps, end)]));
  return {
    name: arm.name,
    summary: arm.summary,
    optional: arm.optional,
    seconds: 0,
    plan: {
      pipeline: spec.name,
      profile,
      seed: 0,
      settings,
      steps: steps.filter((step) => needed.has(step.name)),
      takes: null,
    },
  };
}

function fewerReaders(testReaders: number): Layer {
  return { value: { source: { testReaders } }, error: () => null };
}

/** The arms with the seconds that each adds to those before it: what the step cache will not give it. */
function shared(arms: readonly Arm[]): Arm[] {
  const made = new Set<string>();
  return arms.map((arm) => {
    const { steps, settings } = arm.plan;
    const keys = new Map<string, string>();
    let seconds = 0;
    for (const step of steps) {
      const seen = { ...settings, [step.section]: step.settings };
      const key = stepKey(step, seen, keys);
      keys.set(step.name, key);
      if (!made.has(key)) seconds += stepSeconds(step, seen);
      made.add(key);
    }
    return { ...arm, seconds };
  });
}

/** What decides a step's outputs, as far as the plan knows it. Steps stand after those that they need. */
function stepKey(step: PlanStep, settings: Settings, keys: ReadonlyMap<string, string>): string {
  const inputs = Object.entries(step.inputs).map(([input, { from }]) => [
    input,
    from === null ? '' : (keys.get(from) ?? ''),
  ]);
  return canonical({
    uses: step.uses,
    settings: settingsRead(settings, step.reads),
    inputs: Object.fromEntries(inputs) as Json,
  });
}
