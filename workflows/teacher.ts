/** The teacher: Dr. GRPO in rounds. Every round's lists and scores are stored before they are learnt from. */
import { continueAsNew, workflowInfo } from '@temporalio/workflow';
import type { StageOutput } from '../lib/pipeline/stages.ts';
import type { Batch, ScoreActivities, TeacherActivities, TeacherState } from './activities.ts';
import { fanOut } from './fan-out.ts';
import { holdable } from './hold.ts';
import type { StageRun } from './pipeline.ts';
import { heavy, work, type Worked } from './proxies.ts';
import { openTrainingBoard } from './training-board.ts';

export interface TeacherRun extends StageRun {
  /** Where an earlier part of this run stopped, to keep histories short. */
  resumed?: { state: TeacherState; held: boolean; worked?: number };
}

/** Rounds of one history at most; it goes on as a new one. */
const roundsOfHistory = 50;

export async function teacher({ input, queue, resumed }: TeacherRun): Promise<Worked<StageOutput>> {
  const { rounds, shards, evaluateEvery } = input.settings.teacher;
  const board = openTrainingBoard('starting');
  const holding = holdable((_, text) => board.note(text), resumed?.held);
  const on = (summary: string) => heavy<TeacherActivities>(queue, summary);

  work.seconds += resumed?.worked ?? 0;
  let state = resumed?.state ?? (await on('learner of the warm-started teacher').prepareTeacher({ input })).state;
  if (resumed === undefined) await look();
  else board.show(state.round / rounds, `round ${state.round} of ${rounds}`);
  if (resumed?.held) board.note('held');
  for (let round = state.round; round < rounds; round++) {
    await holding.passed();
    const batch = await collect(round);
    const updated = await on(`round ${round + 1}: update`).update({ input, state, batch });
    state = updated.state;
    board.show((round + 1) / rounds, `round ${round + 1} of ${rounds}`, updated.metrics);
    if ((round + 1) % evaluateEvery === 0 || round + 1 === rounds) await look();
    if (shouldContinueAsNew(round + 1))
      await continueAsNew<typeof teacher>({
        input,
        queue,
        resumed: { state, held: holding.held, worked: work.seconds },
      });
  }
  return work.with(await on('store the teacher').finishTeacher({ input, state }));

  /** A shard is scored while the next one is sampled. */
  async function collect(round: number): Promise<Batch> {
    const made = await fanOut(shards, async (shard) => {
      const name = `round ${round + 1}, shard ${shard + 1} of ${shards}`;
      const { rollouts } = await on(`${name}: sample lists`).rollout({ input, state, shard });
      const scoring = heavy<ScoreActivities>('cpu', `${name}: score`, { beside: true });
      const { scores } = await scoring.score({ input, rollouts, round, shard });
      return { rollouts, scores };
    });
    return { round, rollouts: made.map(({ rollouts }) => rollouts), scores: made.map(({ scores }) => scores) };
  }

  async function look(): Promise<void> {
    const seen = await on(`round ${state.round}: held-out readers`).evaluatePolicy({ input, state });
    state = seen.state;
    board.show(state.round / rounds, `round ${state.round} of ${rounds}`, seen.metrics);
  }

  function shouldContinueAsNew(round: number): boolean {
    if (round >= rounds) return false;
    const done = round - (resumed?.state.round ?? 0);
    return done >= roundsOfHistory || workflowInfo().continueAsNewSuggested;
  }
}
