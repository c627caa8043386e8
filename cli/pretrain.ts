/** `newshound pretrain`: trains the committed base models and writes models/, with the figures and digests that reproduce them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../lib/store/manifest.ts';
import { saveLanguageModel } from '../lib/tensor/language-model.ts';
import { baseModels } from '../lib/training/base-models.ts';
import { preparePretraining, pretrain } from '../lib/training/pretrain.ts';

/** Trains the models named (all when none is) one after another; each is written as soon as it is done. `say` gets a line now and then. */
export async function pretrainModels(
  names: readonly string[],
  folder: string,
  threads: number,
  say: (line: string) => void,
): Promise<void> {
  const wanted = baseModels.models.filter(({ name }) => names.length === 0 || names.includes(name));
  const corpus = preparePretraining(baseModels, say);
  for (const model of wanted) {
    const start = performance.now();
    const losses: string[] = [];
    let recent: number[] = [];
    const result = await pretrain(model, baseModels, corpus, threads, (phase, step, steps, loss, tokens) => {
      recent.push(loss);
      if ((step + 1) % 50 !== 0 && step + 1 !== steps) return;
      const mean = recent.reduce((sum, one) => sum + one, 0) / recent.length;
      const seconds = (performance.now() - start) / 1000;
      say(
        `${model.name} ${phase} ${step + 1}/${steps}: loss ${mean.toFixed(3)} nats a token, ${tokens.toLocaleString('en')} tokens, ${seconds.toFixed(0)} s`,
      );
      losses.push(`${phase} ${step + 1} ${mean.toFixed(4)}`);
      recent = [];
    });
    const target = join(folder, model.name);
    saveLanguageModel(result.model, target, { dtype: 'F16' });
    writeRecord(folder, model.name, {
      command: `npm run newshound -- pretrain ${model.name} --threads ${threads}`,
      commit: commit(),
      seed: baseModels.seed,
      plan: { ...baseModels, models: undefined, model },
      parameters: result.parameters,
      tokens: result.tokens,
      seconds: Math.round((performance.now() - start) / 1000),
      lossNatsPerToken: result.losses,
      curve: losses,
      sha256: Object.fromEntries(
        readdirSync(target)
          .sort()
          .map((name) => [name, sha256(readFileSync(join(target, name)))]),
      ),
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

/** models/pretrained.json: one entry a model. */
function writeRecord(folder: string, name: string, entry: object): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'pretrained.json');
  let record: Record<string, object> = {};
  try {
    record = JSON.parse(readFileSync(path, 'utf8')) as Record<string, object>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  writeFileSync(path, `${JSON.stringify({ ...record, [name]: entry }, null, 1)}\n`);
}
