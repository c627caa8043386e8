/** student: on-policy distillation of the teacher, and beside it supervised distillation on the teacher's lists. */
import { grow } from '../lib/data/dataset.ts';
import type { LogRow, Reader, RolloutRow } from '../lib/data/rows.ts';
import { NumericsError } from '../lib/errors.ts';
import { promptOf } from '../lib/method/prompt.ts';
import type { StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import type { Ref } from '../lib/store/ref.ts';
import { createDecoder, type Decoder } from '../lib/tensor/decoder.ts';
import type { LanguageModel } from '../lib/tensor/language-model.ts';
import {
  createDistiller,
  createSupervised,
  type Figures,
  type Learner,
  type LearnerSettings,
} from '../lib/tensor/learner.ts';
import { writeLists } from '../lib/training/lists.ts';
import { readersOfRound } from '../lib/training/order.ts';
import { cosineRate } from '../lib/training/supervised.ts';
import type { StudentActivities, StudentState } from '../workflows/activities.ts';
import type { Deps } from './deps.ts';
import { loadLearner, loadPart, saveLearner } from './learners.ts';
import { madeBy } from './made-by.ts';
import { saveModel } from './models.ts';
import { createResources } from './resources.ts';
import { logRows, readRows, rolloutRow, writeRows } from './tables.ts';

const WARMUP_STEPS = 10;

/** A student in training that this process has in memory. */
interface Held {
  key: string;
  step: number;
  model: LanguageModel;
  learner: Learner;
  /** Where the student writes lists to learn from. */
  decoder?: Decoder;
  /** One optimizer step; a function of its number and of the learner's state. */
  take: (step: number) => Promise<Figures>;
}

async function release({ decoder, learner }: Pick<Held, 'decoder' | 'learner'>): Promise<void> {
  await decoder?.release();
  await learner.release();
}

type Open = (input: StageInput) => Promise<Omit<Held, 'key' | 'step'>>;

export function createStudentActivities(deps: Deps): StudentActivities {
  const { artifacts, threads } = deps;
  const resources = createResources(artifacts);
  let held: Held | null = null;

  /** The training at `state`: the one in memory, or its checkpoint. */
  const resume = async (key: string, input: StageInput, state: StudentState | null, open: Open): Promise<Held> => {
    const step = state?.step ?? 0;
    if (held && held.key === key && held.step === step) return held;
    await drop();
    const stored = state && (await loadLearner(artifacts, state.learner));
    const opened: Held = { key, step, ...(await open(input)) };
    try {
      if (stored) await opened.learner.load(stored);
    } catch (error) {
      await release(opened);
      throw error;
    }
    held = opened;
    return opened;
  };

  const drop = async (): Promise<void> => {
    if (held) await release(held);
    held = null;
  };

  /** Steps up to `to`, then a checkpoint. A failed step leaves a state that is no step's: it is not kept. */
  const train = async (
    { input, state, to }: { input: StageInput; state: StudentState | null; to: number },
    name: 'on_policy' | 'supervised',
    key: string,
    open: Open,
  ): ReturnType<StudentActivities['distil']> => {
    const at = await resume(key, input, state, open);
    const log: LogRow[] = [];
    let figures: Figures = {};
    try {
      for (; at.step < to; at.step++) {
        // The batch is a pure function of the step and of these.
        figures = await NumericsError.of(`${name.replace('_', '-')} step ${at.step + 1} of ${key}`, () =>
          at.take(at.step),
        );
        log.push(...logRows(at.step + 1, { [name]: figures.loss, [`${name}_gradient_norm`]: figures.gradient_norm }));
        deps.progress(
          (at.step + 1) / input.settings.student.steps,
          `${name.replace('_', '-')} step ${at.step + 1}: ${figures.loss.toFixed(3)} nats a token`,
        );
      }
    } catch (error) {
      await drop();
      throw error;
    }
    const made = madeBy(input);
    // One table, rewritten: a reference for each checkpoint would make the history grow with their square.
    const rows = [...(await readRows(artifacts, 'log', state?.logs ?? [])), ...log];
    const logs = [await writeRows(artifacts, 'log', rows, made)];
    const learner = await saveLearner(artifacts, at.learner.state(), made);
    return {
      state: { step: to, learner, logs },
      metrics: { [name]: figures.loss, gradient_norm: figures.gradient_norm },
    };
  };

  const openDistiller: Open = async (input) => {
    const { student: settings, teacher: teacherSettings } = input.settings;
    const { readers } = await trainReaders(input);
    const model = await resources.model(input.inputs.studentStart);
    const teacher = await resources.model(input.inputs.teacher);
    const learner = await createDistiller(model, teacher, {
      divergence: settings.divergence,
      temperature: teacherSettings.rollout.temperature,
      ...learnerSettings(input, threads),
    });
    const decoder = createDecoder(model, { threads });
    return {
      model,
      learner,
      decoder,
      take: async (step) => {
        const some = readersOfRound(readers, step, settings.readers, input.seed);
        const lists = await sample(input, { model, decoder }, some, settings.group, ['student', step]);
        await decoder.refresh();
        const groups = some.map((reader, i) => ({
          prompt: promptOf(reader.signals, model.tokenizer, teacherSettings.rollout.maxPromptTokens),
          completions: lists[i].map(({ tokens }) => tokens),
        }));
        return learner.step(groups, rateAt(input, step));
      },
    };
  };

  const sample = (
    input: StageInput,
    { model, decoder }: { model: LanguageModel; decoder: Decoder },
    readers: readonly Reader[],
    samples: number,
    purpose: (string | number)[],
    progress?: (fraction: number) => void,
  ): ReturnType<typeof writeLists> =>
    writeLists(readers, {
      decoder,
      tokenizer: model.tokenizer,
      settings: input.settings.teacher.rollout,
      samples,
      stream: (readerId, of) => [input.seed, ...purpose, readerId, of],
      progress,
    });

  const trainReaders = async (input: StageInput): Promise<{ readers: Reader[] }> => ({
    readers: (await resources.dataset(input.inputs.cleaned)).readers('train'),
  });

  return {
    distil: (call) => train(call, 'on_policy', keyOf(call.input, 'on-policy'), openDistiller),

    async writeTeacherLists({ input }) {
      const { student } = input.settings;
      const { readers } = await trainReaders(input);
      const needed = Math.min(readers.length, student.steps * student.readers);
      const some = readersOfRound(readers, 0, needed, input.seed);
      const model = await resources.model(input.inputs.teacher);
      const decoder = createDecoder(model, { threads });
      try {
        const lists = await sample(input, { model, decoder }, some, student.group, ['teacher lists'], (fraction) =>
          deps.progress(fraction, `the teacher's lists for ${some.length} readers`),
        );
        return { lists: await writeRows(artifacts, 'rollouts', lists.flat().map(rolloutRow), madeBy(input)) };
      } finally {
        await decoder.release();
      }
    },

    supervise: (call) =>
      train(call, 'supervised', `${keyOf(call.input, 'supervised')} rollouts ${call.lists.digest}`, async (input) => {
        const { student, teacher } = input.settings;
        const byId = new Map((await trainReaders(input)).readers.map((reader) => [reader.readerId, reader]));
        const rows: RolloutRow[] = await readRows(artifacts, 'rollouts', [call.lists]);
        const model = await resources.model(input.inputs.studentStart);
        // Imitated is what the student will do: write at this temperature. At 1 it would learn lists drawn at .4, then be drawn at .4 again.
        const { temperature } = teacher.rollout;
        const learner = await createSupervised(model, { temperature, ...learnerSettings(input, threads) });
        const batch = student.readers * student.group;
        // Lists of one reader share the array, and so are learnt behind one prompt.
        const prompts = new Map<string, Int32Array>();
        const promptOfReader = (id: string): Int32Array =>
          grow(prompts, id, () =>
            promptOf(byId.get(id)?.signals ?? [], model.tokenizer, teacher.rollout.maxPromptTokens),
          );
        return {
          model,
          learner,
          take: (step) =>
            learner.step(
              Array.from({ length: batch }, (_, i) => rows[(step * batch + i) % rows.length]).map((row) => ({
                prompt: promptOfReader(row.reader_id),
                completion: Int32Array.from(row.tokens),
              })),
              rateAt(input, step),
            ),
        };
      }),

    async finishStudent({ input, student, supervised }): Promise<StageOutput> {
      await drop();
      const store = async ({ learner }: StudentState): Promise<Ref<'model'>> => {
        const model = await resources.model(input.inputs.studentStart);
        const parameters = await loadPart(artifacts, learner, 'parameters');
        return saveModel(artifacts, { ...model, parameters }, madeBy(input));
      };
      const rows = await readRows(artifacts, 'log', [...student.logs, ...supervised.logs]);
      const of = (metric: string): number[] => rows.filter((row) => row.metric === metric).map((row) => row.value);
      const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
      const divergence = of('on_policy');
      const tenth = Math.max(1, Math.ceil(divergence.length / 10));
      const [first, last] = [mean(divergence.slice(0, tenth)), mean(divergence.slice(-tenth))];
      return {
        outputs: {
          student: await store(student),
          supervised: await store(supervised),
          studentLog: await writeRows(artifacts, 'log', rows, madeBy(input)),
        },
        facts: {
          steps: student.step,
          divergence: input.settings.student.divergence,
          divergence_first: first,
          divergence_last: last,
          supervised_last: mean(of('supervised').slice(-tenth)),
        },
        headline: `${student.step} steps; divergence from the teacher ${first.toFixed(3)} → ${last.toFixed(3)} nats a token`,
      };
    },
  };
}

function keyOf({ run, step, inputs }: StageInput, kind: string): string {
  return `${kind} ${run} ${step} model ${inputs.studentStart.digest} teacher ${inputs.teacher.digest}`;
}

function rateAt({ settings: { student } }: StageInput, step: number): number {
  return cosineRate(student.learningRate, step, student.steps, WARMUP_STEPS);
}

function learnerSettings({ settings: { student } }: StageInput, threads: number): LearnerSettings {
  return {
    adamw: {
      betas: [0.9, 0.95],
      epsilon: 1e-8,
      weightDecay: 0,
      gradientNorm: student.gradientNorm,
      gradientLimit: student.gradientLimit,
    },
    threads,
    ...student.memory,
  };
}
