/** warmstart: teacher and student learn from weak labels what a list is, before any reward. */
import type { Dataset } from '../lib/data/dataset.ts';
import { ConfigError } from '../lib/errors.ts';
import { completionOf, promptOf } from '../lib/method/prompt.ts';
import type { StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import { Random } from '../lib/random.ts';
import type { Embedder } from '../lib/retrieval/embedder.ts';
import type { LanguageModel } from '../lib/tensor/language-model.ts';
import { withFewerLayers } from '../lib/tensor/fewer-layers.ts';
import { countParameters } from '../lib/tensor/parameters.ts';
import { checkSameTokens, openTokenizer } from '../lib/tensor/tokenizer.ts';
import { createLabeler } from '../lib/training/labels.ts';
import { trainSupervised } from '../lib/training/supervised.ts';
import type { Deps } from './deps.ts';
import { madeBy } from './made-by.ts';
import { folderOfModel, namedModel, saveModel } from './models.ts';
import { createResources } from './resources.ts';

export interface WarmstartActivities {
  warmstart(input: StageInput): Promise<StageOutput>;
}

export function createWarmstartActivities(deps: Deps): WarmstartActivities {
  const { artifacts } = deps;
  const resources = createResources(artifacts);
  return {
    async warmstart(input) {
      const { warmstart } = input.settings;
      const dataset = await resources.dataset(input.inputs.cleaned);
      const embedder = await resources.embedder(input.inputs.encoder);
      const start = async (
        name: string,
        { layers, steps, from }: { layers: number; steps: number; from: number },
      ): Promise<{ model: LanguageModel; loss: number }> => {
        const model = shortened(namedModel(name, deps.modelsFolder, input.settings.teacher.rollout), name, layers);
        const loss = await warmStart(
          model,
          name,
          steps,
          { input, dataset, embedder, threads: deps.threads },
          (fraction, now) =>
            deps.progress(from + fraction / 2, `warm start of ${name}: loss ${now.toFixed(2)} nats a token`),
        );
        return { model, loss };
      };
      const [ofTeacher, ofStudent] = [warmstart.teacher, warmstart.student].map((name) =>
        openTokenizer(folderOfModel(name, deps.modelsFolder)),
      );
      // Hours before the student stage would find out.
      checkSameTokens(ofStudent, ofTeacher, 'warmstart.student');
      const { steps, studentSteps = steps, studentLayers } = warmstart;
      const teacher = await start(warmstart.teacher, { layers: 0, steps, from: 0 });
      const student = await start(warmstart.student, { layers: studentLayers, steps: studentSteps, from: 0.5 });
      const outputs = {
        teacherStart: await saveModel(artifacts, teacher.model, madeBy(input)),
        studentStart: await saveModel(artifacts, student.model, madeBy(input)),
      };
      const sizes = {
        teacher: countParameters(teacher.model.parameters),
        student: countParameters(student.model.parameters),
      };
      return {
        outputs,
        facts: {
          teacher_parameters: sizes.teacher,
          student_parameters: sizes.student,
          teacher_loss: finite(teacher.loss),
          student_loss: finite(student.loss),
        },
        headline: `teacher of ${millions(sizes.teacher)} and student of ${millions(sizes.student)} parameters; ${lossOf('teacher', teacher.loss)}, ${lossOf('student', student.loss)}`,
      };
    },
  };
}

export interface WarmstartContext {
  input: StageInput;
  dataset: Dataset;
  embedder: Embedder;
  threads: number;
}

/** Trains a model in place on weak labels of train readers; returns its loss at the end (nats a token), NaN for no steps. */
export async function warmStart(
  model: LanguageModel,
  name: string,
  steps: number,
  { input, dataset, embedder, threads }: WarmstartContext,
  report: (fraction: number, loss: number) => void,
): Promise<number> {
  if (steps === 0) return Number.NaN;
  const { warmstart, teacher } = input.settings;
  const readers = dataset.readers('train');
  const label = await createLabeler(dataset, embedder, warmstart.eventShare);
  const { loss } = await trainSupervised(model, {
    name: `warm start of ${name}, seed ${input.seed}`,
    steps,
    learningRate: warmstart.learningRate,
    warmupSteps: 20,
    weightDecay: 0.01,
    threads,
    memory: warmstart.memory,
    batch: (step) => {
      const random = new Random('warmstart', input.seed, name, step);
      return Array.from({ length: warmstart.batch }, () => {
        const reader = random.pick(readers);
        const prompt = promptOf(reader.signals, model.tokenizer, teacher.rollout.maxPromptTokens);
        return Array.from({ length: warmstart.listsPerReader }, () => ({
          prompt,
          completion: completionOf(label(reader, random), model.tokenizer),
        }));
      }).flat();
    },
    report: (step, now) => report((step + 1) / steps, now),
  });
  return loss;
}

/** The model with so many of its layers; 0: as it is. Throws ConfigError. */
function shortened(model: LanguageModel, name: string, layers: number): LanguageModel {
  if (layers === 0) return model;
  if (layers <= model.config.layers) return withFewerLayers(model, layers);
  throw new ConfigError(
    `warmstart.studentLayers is ${layers}, model "${name}" has ${model.config.layers}. Set at most so many, or 0 for all`,
  );
}

function lossOf(name: string, loss: number): string {
  return Number.isFinite(loss) ? `label loss of the ${name} ${loss.toFixed(2)} nats a token` : `${name} as it is`;
}

function millions(parameters: number): string {
  return `${(parameters / 1e6).toFixed(parameters < 1e6 ? 2 : 1)}M`;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
