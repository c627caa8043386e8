/** The student: on-policy distillation, and beside it supervised distillation on the teacher's lists, in chunks that a checkpoint ends. */
import type { StageOutput } from '../lib/pipeline/stages.ts';
import type { Metrics, StudentActivities, StudentState } from './activities.ts';
import { holdable } from './hold.ts';
import type { StageRun } from './pipeline.ts';
import { heavy, work, type Worked } from './proxies.ts';
import { openTrainingBoard } from './training-board.ts';

export async function student({ input, queue }: StageRun): Promise<Worked<StageOutput>> {
  const { steps } = input.settings.student;
  const board = openTrainingBoard('starting');
  const holding = holdable((_, text) => board.note(text));
  const on = (summary: string) => heavy<StudentActivities>(queue, summary);

  const distilled = await inChunks('on-policy', 0, (state, to) =>
    on(`on-policy distillation to step ${to}`).distil({ input, state, to }),
  );
  const { lists } = await on("the teacher's lists, for the supervised student").writeTeacherLists({ input });
  const supervised = await inChunks('supervised', 0.5, (state, to) =>
    on(`supervised distillation to step ${to}`).supervise({ input, lists, state, to }),
  );
  return work.with(await on('store both students').finishStudent({ input, student: distilled, supervised }));

  async function inChunks(name: string, done: number, train: Train): Promise<StudentState> {
    let state: StudentState | null = null;
    while (state === null || state.step < steps) {
      await holding.passed();
      const from: number = state?.step ?? 0;
      const trained: { state: StudentState; metrics: Metrics } = await train(state, nextStop(from));
      state = trained.state;
      board.show(done + (0.5 * state.step) / steps, `${name}: step ${state.step} of ${steps}`, trained.metrics);
    }
    return state;
  }

  function nextStop(from: number): number {
    return Math.min(steps, from + input.settings.student.checkpointEvery);
  }
}

type Train = (state: StudentState | null, to: number) => Promise<{ state: StudentState; metrics: Metrics }>;
