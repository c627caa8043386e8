/** Dr. GRPO in rounds: rollout, score, update. State after a round is a pure function of the state before and the stored batch. */
import type { RolloutRow, ScoreRow } from '../lib/data/rows.ts';
import { ConfigError, NumericsError } from '../lib/errors.ts';
import { checkCanaries } from '../lib/method/canaries.ts';
import { meanMetrics } from '../lib/method/metrics.ts';
import { promptOf } from '../lib/method/prompt.ts';
import type { StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import type { MadeBy, Ref } from '../lib/store/ref.ts';
import { createDecoder, type Decoder } from '../lib/tensor/decoder.ts';
import type { LanguageModel } from '../lib/tensor/language-model.ts';
import { createPolicyLearner, logprobs, type PolicyLearner, type ScoredGroup } from '../lib/tensor/learner.ts';
import { linearRate, roundBatch } from '../lib/training/batch.ts';
import { writeLists } from '../lib/training/lists.ts';
import { readersOfRound, shardOf } from '../lib/training/order.ts';
import { meanScores } from '../lib/training/scoring.ts';
import type { Batch, TeacherActivities, TeacherState } from '../workflows/activities.ts';
import type { Deps } from './deps.ts';
import { loadLearner, saveLearner } from './learners.ts';
import { madeBy } from './made-by.ts';
import { createMeasurer } from './measurer.ts';
import { saveModel } from './models.ts';
import { createResources, type Resources } from './resources.ts';
import { canaryReaders } from './score.ts';
import { logRows, readRows, rolloutRow, writeRows } from './tables.ts';

/** Readers of the round on which the policy's distance from its start is measured. */
const KL_READERS = 4;

/** The learner that this process has in memory, and whose round it is at. */
interface Held {
  key: string;
  round: number;
  model: LanguageModel;
  learner: PolicyLearner;
  /** For all shards of a round: it is compiled once. */
  decoder: Decoder;
}

export function createTeacherActivities(deps: Deps): TeacherActivities {
  const { artifacts, threads } = deps;
  const resources = createResources(artifacts);
  let held: Held | null = null;

  /** The learner after `state.round` rounds: the one in memory, or the checkpoint with the stored batches applied to it. */
  const learnerAt = async (input: StageInput, state: TeacherState): Promise<Held> => {
    const key = `${input.run} ${input.step} ${input.inputs.teacherStart.digest}`;
    if (held && held.key === key && held.round === state.round) return held;
    await drop();
    const stored = await loadLearner(artifacts, state.checkpoint);
    const model = await resources.model(input.inputs.teacherStart);
    const learner = await createPolicyLearner(model, learnerSettings(input, threads));
    const decoder = createDecoder(model, { threads });
    const rebuilt: Held = { key, round: state.round - state.batches.length, model, learner, decoder };
    try {
      await learner.load(stored);
      for (const [i, batch] of state.batches.entries()) {
        deps.progress(i / state.batches.length, `replaying stored round ${batch.round + 1}`);
        await applyBatch(input, rebuilt, batch);
      }
    } catch (error) {
      await release(rebuilt);
      throw error;
    }
    held = rebuilt;
    return rebuilt;
  };

  const drop = async (): Promise<void> => {
    if (held) await release(held);
    held = null;
  };

  const applyBatch = async (input: StageInput, at: Held, batch: Batch): Promise<Record<string, number>> => {
    const { teacher } = input.settings;
    const dataset = await resources.dataset(input.inputs.cleaned);
    const byId = new Map(dataset.readers('train').map((reader) => [reader.readerId, reader]));
    const rollouts: RolloutRow[] = await readRows(artifacts, 'rollouts', batch.rollouts);
    const scores: ScoreRow[] = await readRows(artifacts, 'scores', batch.scores);
    const { groups, metrics } = roundBatch(rollouts, scores, teacher, (readerId) =>
      promptOf(byId.get(readerId)?.signals ?? [], at.model.tokenizer, teacher.rollout.maxPromptTokens),
    );

    if (teacher.klWeight > 0) await addReference(input, groups);
    await at.decoder.refresh();
    const start = performance.now();
    const sums: Record<string, number> = {};
    let tokens = 0;
    for (let part = 0; part < teacher.updates; part++) {
      const some = shardOf(groups, part, teacher.updates);
      const step = at.round * teacher.updates + part;
      const rate = linearRate(teacher.learningRate, step, teacher.rounds * teacher.updates, teacher.warmupSteps);
      const figures = await NumericsError.of(
        `round ${at.round + 1}, update ${part + 1} of ${teacher.updates}, on ${namesOf(batch)}`,
        () => at.learner.update(some, rate),
      );
      for (const [name, value] of Object.entries(figures)) sums[name] = (sums[name] ?? 0) + value / teacher.updates;
      tokens += some.reduce(
        (sum, { prompt, completions }) =>
          sum + prompt.length + completions.reduce((of, list) => of + list.tokens.length, 0),
        0,
      );
      deps.progress((part + 1) / teacher.updates, `round ${at.round + 1}: update ${part + 1} of ${teacher.updates}`);
    }
    at.round++;
    const seconds = (performance.now() - start) / 1000;
    return { ...metrics, ...sums, clipped: sums.clip_low + sums.clip_high, tokens_per_second: tokens / seconds };
  };

  /** What the KL penalty needs: the warm start's log-probabilities of the sampled tokens. */
  const addReference = async (input: StageInput, groups: readonly ScoredGroup[]): Promise<void> => {
    const start = await resources.model(input.inputs.teacherStart);
    const known = await logprobs(
      start,
      groups.map(({ prompt, completions }) => ({ prompt, completions: completions.map(({ tokens }) => tokens) })),
      { temperature: input.settings.teacher.rollout.temperature, threads, ...input.settings.teacher.memory },
    );
    groups.forEach(({ completions }, i) => completions.forEach((list, j) => (list.reference = known[i][j])));
  };

  /** KL to the warm start on the round's own lists: mean of log π - log π_start over their tokens. */
  const divergence = async (input: StageInput, batch: Batch): Promise<number> => {
    const { teacher } = input.settings;
    const dataset = await resources.dataset(input.inputs.cleaned);
    const byId = new Map(dataset.readers('train').map((reader) => [reader.readerId, reader]));
    const rollouts = (await readRows(artifacts, 'rollouts', batch.rollouts.slice(0, 1))).slice(
      0,
      KL_READERS * teacher.group,
    );
    const start = await resources.model(input.inputs.teacherStart);
    const groups = roundGroups(rollouts, teacher.group, (readerId) =>
      promptOf(byId.get(readerId)?.signals ?? [], start.tokenizer, teacher.rollout.maxPromptTokens),
    );
    const before = await logprobs(start, groups, {
      temperature: teacher.rollout.temperature,
      threads,
      ...teacher.memory,
    });
    let sum = 0;
    let tokens = 0;
    rollouts.forEach(({ logprobs: now }, i) => {
      const then = before[Math.floor(i / teacher.group)][i % teacher.group];
      for (let t = 0; t < now.length; t++) sum += now[t] - then[t];
      tokens += now.length;
    });
    return sum / tokens;
  };

  return {
    async prepareTeacher({ input }) {
      const { teacher } = input.settings;
      const dataset = await resources.dataset(input.inputs.cleaned);
      const readers = Math.min(teacher.readers, dataset.readers('train').length);
      if (readers < Math.max(teacher.updates, teacher.shards))
        throw new ConfigError(
          `a round has ${readers} readers (of ${dataset.readers('train').length} of the train split), too few for ${teacher.updates} updates and ${teacher.shards} shards: lower teacher.updates and teacher.shards, or take more readers`,
        );
      await checkCanaries({
        judge: await resources.judge(teacher.judge, input.inputs.cleaned, input.inputs.encoder),
        embedder: await resources.embedder(input.inputs.encoder),
        readers: canaryReaders(dataset.readers('train')),
        articles: dataset.articles,
        old: [...dataset.history, ...dataset.pool('train')],
        margin: teacher.judge.canaryMargin,
      });
      const model = await resources.model(input.inputs.teacherStart);
      const learner = await createPolicyLearner(model, learnerSettings(input, threads));
      const checkpoint = await saveLearner(artifacts, learner.state(), madeBy(input));
      await learner.release();
      return { state: { round: 0, checkpoint, batches: [], logs: [] } };
    },

    async rollout({ input, state, shard }) {
      const { teacher } = input.settings;
      const { model, decoder } = await learnerAt(input, state);
      const dataset = await resources.dataset(input.inputs.cleaned);
      const readers = shardOf(
        readersOfRound(dataset.readers('train'), state.round, teacher.readers, input.seed),
        shard,
        teacher.shards,
      );
      const what = `round ${state.round + 1}: lists of shard ${shard + 1} of ${teacher.shards}`;
      const lists = await NumericsError.of(what, () =>
        writeLists(readers, {
          decoder,
          tokenizer: model.tokenizer,
          settings: teacher.rollout,
          samples: teacher.group,
          stream: (readerId, sample) => [input.seed, 'rollout', state.round, readerId, sample],
          progress: (fraction) => deps.progress(fraction, what),
        }),
      );
      return { rollouts: await writeRows(artifacts, 'rollouts', lists.flat().map(rolloutRow), madeBy(input)) };
    },

    async update({ input, state, batch }) {
      const { teacher } = input.settings;
      const at = await learnerAt(input, state);
      const metrics = await applyBatch(input, at, batch).catch(async (error: unknown) => {
        // Half a round is no state: the next call starts from the checkpoint.
        await drop();
        throw error;
      });
      metrics.kl_start = await divergence(input, batch);
      const log = await writeRows(artifacts, 'log', logRows(at.round, metrics), madeOf(input, [batch]));
      const logs = [...state.logs, log];
      const isCheckpoint = at.round % teacher.checkpointEvery === 0 || at.round === teacher.rounds;
      if (!isCheckpoint)
        return { state: { ...state, round: at.round, batches: [...state.batches, batch], logs }, metrics };
      const made = madeOf(input, [...state.batches, batch]);
      const checkpoint = await saveLearner(artifacts, at.learner.state(), made);
      return { state: { round: at.round, checkpoint, batches: [], logs: [await mergeLogs(input, logs)] }, metrics };
    },

    async evaluatePolicy({ input, state }) {
      const { model } = await learnerAt(input, state);
      const metrics = await heldOut(input, model, resources, deps, state.round);
      const log = await writeRows(artifacts, 'log', logRows(state.round, metrics), madeBy(input));
      return { state: { ...state, logs: [...state.logs, log] }, metrics };
    },

    async finishTeacher({ input, state }): Promise<StageOutput> {
      const { model } = await learnerAt(input, state);
      const teacher = await saveModel(artifacts, model, madeBy(input));
      await drop();
      const teacherLog = await mergeLogs(input, state.logs);
      const rows = await readRows(artifacts, 'log', [teacherLog]);
      const of = (metric: string): number[] => rows.filter((row) => row.metric === metric).map((row) => row.value);
      const rewards = of('reward');
      const recall = of('heldout_recall10');
      return {
        outputs: { teacher, teacherLog },
        facts: {
          rounds: state.round,
          reward_first: rewards[0],
          reward_last: rewards[rewards.length - 1],
          heldout_recall10_first: recall[0],
          heldout_recall10_last: recall[recall.length - 1],
        },
        headline: `${state.round} rounds; reward ${rewards[0].toFixed(2)} → ${rewards[rewards.length - 1].toFixed(2)}, held-out recall@10 ${recall[0].toFixed(3)} → ${recall[recall.length - 1].toFixed(3)}`,
      };
    },
  };

  async function mergeLogs(input: StageInput, logs: readonly Ref<'log'>[]): Promise<Ref<'log'>> {
    if (logs.length === 1) return logs[0];
    return writeRows(artifacts, 'log', await readRows(artifacts, 'log', logs), madeBy(input));
  }
}

/** Recall, coverage and reward of a policy on dev readers: what a rising training reward must not hide. */
async function heldOut(
  input: StageInput,
  model: LanguageModel,
  resources: Resources,
  deps: Deps,
  round: number,
): Promise<Record<string, number>> {
  const limit = input.settings.teacher.evaluateReaders;
  const measurer = await createMeasurer(input, { split: 'dev', limit }, resources, deps);
  const lists = await measurer.write(model, {
    samples: 1,
    // The same at every look.
    stream: 'held-out',
    progress: (fraction) => deps.progress(0.9 * fraction, `after round ${round}: held-out readers`),
  });
  const means = meanScores(
    (
      await measurer.rewards(lists, (fraction) =>
        deps.progress(0.9 + 0.1 * fraction, `after round ${round}: rewards of held-out readers`),
      )
    ).flat(),
  );
  const ranking = meanMetrics(measurer.judge(await measurer.recall(lists.map(([list]) => list.queries))));
  return {
    heldout_recall10: ranking['recall@10'],
    heldout_ndcg10: ranking['ndcg@10'],
    heldout_coverage: means.cov,
    heldout_reward: means.total,
  };
}

function learnerSettings(
  { settings: { teacher }, seed }: StageInput,
  threads: number,
): Parameters<typeof createPolicyLearner>[1] {
  return {
    loss: teacher.loss,
    clipLow: teacher.clipLow,
    clipHigh: teacher.clipHigh,
    klWeight: teacher.klWeight,
    maxListTokens: teacher.rollout.maxListTokens,
    temperature: teacher.rollout.temperature,
    adamw: {
      betas: [0.9, 0.95],
      epsilon: 1e-8,
      weightDecay: teacher.weightDecay,
      gradientNorm: teacher.gradientNorm,
      gradientLimit: teacher.gradientLimit,
    },
    threads,
    ...teacher.memory,
    ...(teacher.lora.rank > 0 ? { lora: { ...teacher.lora, seed } } : {}),
  };
}

/** The artifacts of a batch, as an operator finds them in the store. */
async function release({ decoder, learner }: Held): Promise<void> {
  await decoder.release();
  await learner.release();
}

/** Named are rollouts and scores of every shard: what is kept keeps what it was made from. */
function madeOf(input: StageInput, batches: readonly Batch[]): MadeBy {
  const sources = batches.flatMap(({ rollouts, scores }) => [...rollouts, ...scores]);
  return madeBy(input, Object.fromEntries(sources.map((ref, i) => [`${ref.kind} ${i + 1}`, ref])));
}

function namesOf({ rollouts, scores }: Batch): string {
  return [...rollouts, ...scores].map(({ kind, digest }) => `${kind} ${digest}`).join(', ');
}

function roundGroups(
  rollouts: readonly RolloutRow[],
  group: number,
  prompt: (readerId: string) => Int32Array,
): { prompt: Int32Array; completions: Int32Array[] }[] {
  return Array.from({ length: Math.ceil(rollouts.length / group) }, (_, i) => {
    const lists = rollouts.slice(i * group, (i + 1) * group);
    return { prompt: prompt(lists[0].reader_id), completions: lists.map(({ tokens }) => Int32Array.from(tokens)) };
  });
}
