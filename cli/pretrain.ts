/** `newshound pretrain`: trains the committed base models and writes models/, with the figures and digests that reproduce them. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CheckpointError, ConfigError } from '../lib/errors.ts';
import { suggestion } from '../lib/pipeline/nearest.ts';
import { sha256 } from '../lib/store/manifest.ts';
import { loadLanguageModel, saveLanguageModel } from '../lib/tensor/language-model.ts';
import { baseModels } from '../lib/training/base-models.ts';
import {
  type BaseModelPlan,
  type Phase,
  phases,
  preparePretraining,
  pretrain,
  type PretrainPlan,
} from '../lib/training/pretrain.ts';

/** What models/pretrained.json says of a model. */
interface Entry {
  /** What made it, one after another: a command, the commit of the code that it ran, and the phases that it went through. */
  runs: { command: string; commit: string | null; phases: Phase[] }[];
  seed: number;
  plan: Omit<PretrainPlan, 'models'> & { model: BaseModelPlan };
  parameters: number;
  tokens: number;
  seconds: number;
  lossNatsPerToken: Partial<Record<Phase, number>>;
  curve: string[];
  sha256: Record<string, string>;
}

/**
 * Trains the models named (all when none is) one after another; each is written as soon as it is done. `more`: from the model in the folder, only
 * the phases that its record does not have. `say` gets a line now and then. Throws CheckpointError for a model that is not what its record says, or
 * was made by another plan, ConfigError for a name that is none.
 */
export async function pretrainModels(
  names: readonly string[],
  folder: string,
  { threads, more }: { threads: number; more: boolean },
  say: (line: string) => void,
): Promise<void> {
  const known = baseModels.models.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new ConfigError(`pretrain: there is no base model "${unknown}". ${suggestion(unknown, known)}`);
  const wanted = baseModels.models.filter(({ name }) => names.length === 0 || names.includes(name));
  const before = wanted.map((model) => (more ? recorded(folder, model) : undefined));
  const corpus = preparePretraining(baseModels, say);
  const { models: _models, ...plan } = baseModels;
  for (const [i, model] of wanted.entries()) {
    const start = performance.now();
    const entry = before[i];
    if (entry && donePhases(entry).length === phases.length) {
      say(`${model.name} has been through all of its phases`);
      continue;
    }
    const begun = entry && { model: loadLanguageModel(join(folder, model.name)), done: donePhases(entry) };
    const losses: string[] = [];
    let recent: number[] = [];
    const report: Parameters<typeof pretrain>[4] = (phase, step, steps, loss, tokens) => {
      recent.push(loss);
      if ((step + 1) % 50 !== 0 && step + 1 !== steps) return;
      const mean = recent.reduce((sum, one) => sum + one, 0) / recent.length;
      const seconds = (performance.now() - start) / 1000;
      say(
        `${model.name} ${phase} ${step + 1}/${steps}: loss ${mean.toFixed(3)} nats a token, ${tokens.toLocaleString('en')} tokens, ${seconds.toFixed(0)} s`,
      );
      losses.push(`${phase} ${step + 1} ${mean.toFixed(4)}`);
      recent = [];
    };
    const result = await pretrain(model, baseModels, corpus, threads, report, begun);
    const target = join(folder, model.name);
    saveLanguageModel(result.model, target, { dtype: 'F16' });
    const command = `npm run newshound -- pretrain ${model.name} --threads ${threads}${more ? ' --more' : ''}`;
    const made = phases.filter((phase) => result.losses[phase] !== undefined);
    writeRecord(folder, model.name, {
      runs: [...(entry?.runs ?? []), { command, commit: commit(), phases: made }],
      seed: baseModels.seed,
      plan: { ...plan, model },
      parameters: result.parameters,
      tokens: (entry?.tokens ?? 0) + result.tokens,
      seconds: (entry?.seconds ?? 0) + Math.round((performance.now() - start) / 1000),
      lossNatsPerToken: { ...entry?.lossNatsPerToken, ...result.losses },
      curve: [...(entry?.curve ?? []), ...losses],
      sha256: digests(target),
    });
    say(`${model.name} is in ${target}: ${result.parameters.toLocaleString('en')} parameters`);
  }
}

/** Of the code that trains; null outside a checkout. */
function commit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return null;
  }
}

/** A model's entry, after a look whether the folder's model is the one it speaks of, and of this plan. */
function recorded(folder: string, model: BaseModelPlan): Entry {
  const path = join(folder, model.name);
  const entry = readRecord(folder)[model.name];
  const refuse = (problem: string): never => {
    throw new CheckpointError({ path, problem, remedy: 'Train it from nothing: leave out --more' });
  };
  if (entry === undefined) return refuse('pretrained.json has no entry for it');
  const { models: _models, ...plan } = baseModels;
  const done = donePhases(entry);
  if (!isDeepStrictEqual(upTo(done, entry.plan), upTo(done, { ...plan, model })))
    return refuse('it was made by another plan than that of lib/training/base-models.ts');
  if (!existsSync(path) || !isDeepStrictEqual(digests(path), entry.sha256))
    return refuse('it is not the model that pretrained.json speaks of: their digests differ');
  return entry;
}

/** The plan as it was when no later phase was thought of. */
function upTo(done: readonly Phase[], plan: Entry['plan']): object {
  const steps = Object.fromEntries(done.map((phase) => [phase, plan.model.steps[phase]]));
  return { ...plan, model: { ...plan.model, steps } };
}

function donePhases({ lossNatsPerToken }: Entry): Phase[] {
  return phases.filter((phase) => lossNatsPerToken[phase] !== undefined);
}

/** SHA-256 of each file. */
function digests(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, sha256(readFileSync(join(folder, name)))]),
  );
}

function readRecord(folder: string): Record<string, Entry> {
  try {
    return JSON.parse(readFileSync(join(folder, 'pretrained.json'), 'utf8')) as Record<string, Entry>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** models/pretrained.json: one entry a model. */
function writeRecord(folder: string, name: string, entry: Entry): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'pretrained.json'),
    `${JSON.stringify({ ...readRecord(folder), [name]: entry }, null, 1)}\n`,
  );
}
