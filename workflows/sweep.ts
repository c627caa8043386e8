/** The sweep: how results grow with model size, and with the number of lists that the best is taken from. */
import { isCancellation, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { StageOutput } from '../lib/pipeline/stages.ts';
import type { ArmResult, SweepActivities } from './activities.ts';
import { runChild } from './child.ts';
import { rootMessage } from './failure-message.ts';
import { withLimit } from './fan-out.ts';
import { holdable, passOn } from './hold.ts';
import type { StageRun } from './pipeline.ts';
import { heavy, work, type Worked } from './proxies.ts';
import type { teacher } from './teacher.ts';
import { openTrainingBoard } from './training-board.ts';

export async function sweep({ input, queue }: StageRun): Promise<Worked<StageOutput>> {
  const { models, concurrency, budgetMinutes } = input.settings.sweep;
  const board = openTrainingBoard('starting');
  const running = new Set<string>();
  const holding = holdable((held, text) => {
    board.note(text);
    void passOn(held, [...running]);
  });
  const arms: ArmResult[] = [];
  const notRun: { model: string; why: string }[] = [];
  const on = (summary: string) => heavy<SweepActivities>(queue, summary);

  const bestOf = await on('best of N lists of the teacher').bestOf({ input });
  board.show(1 / (models.length + 1), bestOf.headline);
  await withLimit(models, concurrency, async (model) => {
    await holding.passed();
    if (work.seconds >= 60 * budgetMinutes) {
      notRun.push({ model, why: `the budget of ${budgetMinutes} minutes of work was spent` });
      return;
    }
    const workflowId = `${workflowInfo().workflowId}/${model.replaceAll('/', '_')}`;
    running.add(workflowId);
    try {
      const arm = await runChild<typeof capacityArm>('capacityArm', holding, {
        workflowId,
        args: [{ input, queue, model }],
        summary: `capacity: ${model}`,
      });
      arms.push(work.count<ArmResult>(arm));
    } catch (error) {
      if (isCancellation(error)) throw error;
      notRun.push({ model, why: rootMessage(error) });
    } finally {
      running.delete(workflowId);
    }
    board.show(
      (1 + arms.length + notRun.length) / (models.length + 1),
      `${arms.length} of ${models.length} sizes measured`,
    );
  });
  // In the order of the settings, whichever ended first.
  arms.sort((a, b) => models.indexOf(a.model) - models.indexOf(b.model));
  const output = await on('fit and store the curves').finishSweep({ input, arms, notRun, bestOf: bestOf.measured });
  // What was left out may find its time, or its disk, the next time.
  return work.with({ ...output, reusable: notRun.length === 0 });
}

export interface ArmRun extends StageRun {
  model: string;
}

/** One model size: warm start, Dr. GRPO, measurement. */
export async function capacityArm({ input, queue, model }: ArmRun): Promise<Worked<ArmResult>> {
  const { sweep: settings } = input.settings;
  const workflowId = `${workflowInfo().workflowId}/teacher`;
  const holding = holdable((held, text) => {
    setCurrentDetails(text);
    void passOn(held, [workflowId]);
  });
  const on = (summary: string) => heavy<SweepActivities>(queue, summary);

  const { start, parameters } = await on(`warm start of ${model}`).warmArm({ input, model });
  await holding.passed();
  const trained = await runChild<typeof teacher>('teacher', holding, {
    workflowId,
    args: [{ queue, input: armInput({ input, queue, model }, start) }],
    summary: `${model}: Dr. GRPO, ${settings.rounds} rounds`,
  });
  const policy = work.count<StageOutput>(trained).outputs.teacher as ArmResult['policy'];
  const { seconds } = work;
  return work.with(await on(`measure ${model}`).measureArm({ input, model, policy, parameters, seconds }));
}

/** The arm trains as the teacher does, from its own start, for fewer rounds, and is looked at on held-out readers only at both ends. */
function armInput({ input, model }: ArmRun, start: ArmResult['policy']): StageRun['input'] {
  const { rounds } = input.settings.sweep;
  return {
    ...input,
    step: `${input.step}/${model}`,
    inputs: { ...input.inputs, teacherStart: start },
    settings: { ...input.settings, teacher: { ...input.settings.teacher, rounds, evaluateEvery: rounds } },
  };
}
