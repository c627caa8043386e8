import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createCleanActivities } from '../../activities/clean.ts';
import type { CpuDeps } from '../../activities/deps.ts';
import { createIndexActivities } from '../../activities/index.ts';
import { saveModel } from '../../activities/models.ts';
import { createPromoteActivities } from '../../activities/promote.ts';
import { createRecallServers } from '../../activities/recall-servers.ts';
import { createPublishActivities } from '../../activities/publish.ts';
import { writeRows } from '../../activities/tables.ts';
import { copyPublished } from '../../cli/published.ts';
import { revert } from '../../cli/revert.ts';
import { openDataset, writeDataset } from '../../lib/data/dataset.ts';
import { schemas } from '../../lib/data/tables.ts';
import { generateWorld } from '../../lib/data/world/world.ts';
import { ConfigError, PointerConflict } from '../../lib/errors.ts';
import { createPlan, loadConfig } from '../../lib/pipeline/config.ts';
import type { Settings } from '../../lib/pipeline/stage-settings.ts';
import type { StageInput, StageName } from '../../lib/pipeline/stages.ts';
import { followServing } from '../../lib/serving/follow.ts';
import type { ServedModel } from '../../lib/serving/served.ts';
import type { Exposure } from '../../lib/serving/simulation.ts';
import { rowsOf } from '../../lib/store/arrow.ts';
import { createArtifacts } from '../../lib/store/artifacts.ts';
import { servingPointer, swapPointer } from '../../lib/store/pointers.ts';
import type { MadeBy, Ref } from '../../lib/store/ref.ts';
import { createS3 } from '../../lib/store/s3.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';
import type { Evaluation, Experiment } from '../../lib/training/results.ts';
import type { CurrentServing, DayResult } from '../../workflows/activities.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'newshound-promote-'));
// The recall servers, forked, find the store in the environment.
Object.assign(process.env, inject('serversEnv'), { NEWSHOUND_STATE: folder, NEWSHOUND_THREADS: '1' });

const artifacts = createArtifacts({ ...createS3(process.env), cacheFolder: join(folder, 'cache') });
const deps: CpuDeps = {
  artifacts,
  progress: () => undefined,
  threads: 1,
  modelsFolder: join(root, 'models'),
  signal: new AbortController().signal,
};
const { settings }: { settings: Settings } = createPlan(loadConfig(join(root, 'pipelines.yaml')), {
  pipeline: 'nightly',
  profile: 'tiny',
  set: ['promote.readers=60'],
});
const made: MadeBy = { stage: 'test', step: 'test', run: 'test', settings: {}, code: '', inputs: {}, seed: 1 };
const inputOf = (stage: StageName, inputs: Record<string, Ref>): StageInput => ({
  run: `run-${process.pid}`,
  step: stage,
  stage,
  seed: 1,
  code: 'test',
  settings,
  inputs,
});

const activities = createPromoteActivities(deps);
let inputs: Record<string, Ref>;
let promote: StageInput;
let served: ServedModel;
/** A second candidate: other weights. */
let rival: Ref<'model'>;

/** All but what the clock says. */
const exposuresOf = async ({ exposures }: Pick<DayResult, 'exposures'>): Promise<Exposure[]> =>
  rowsOf<Exposure>(schemas.exposures, await artifacts.read(exposures, 'exposures.arrow')).map((exposure) => ({
    ...exposure,
    latency_ms: 0,
  }));

beforeAll(async () => {
  const tables = generateWorld({ ...settings.source, seed: settings.source.worldSeed });
  const dataset = await writeDataset(artifacts, tables, { source: 'world', withoutClicks: 0 }, made);
  const clean = await createCleanActivities(deps).clean(inputOf('clean', { dataset }));
  const { cleaned, cleaner } = clean.outputs as { cleaned: Ref<'dataset'>; cleaner: Ref<'cleaner'> };
  const { outputs } = await createIndexActivities(deps).index(inputOf('index', { cleaned }));
  const model = loadLanguageModel(join(root, 'models', 'base-xs'));
  const student = await saveModel(artifacts, model, made);
  const parameters = new Map(
    [...model.parameters].map(([name, { shape, data }]) => [name, { shape, data: data.map((x) => x * 0.99) }]),
  );
  rival = await saveModel(artifacts, { ...model, parameters }, made);
  inputs = { dataset, cleaned, cleaner, student, ...outputs };
  promote = inputOf('promote', inputs);
  served = {
    student,
    cleaner,
    encoder: inputs.encoder as Ref<'encoder'>,
    index: inputs.index as Ref<'index'>,
    cleaned,
    rollout: settings.teacher.rollout,
  };
});

afterAll(async () => {
  await activities.stopServing({ input: promote });
});

describe('an A/B test', () => {
  it('serves days over HTTP; a day that is repeated, also by a fresh worker, gives the same exposures', async () => {
    const call = { input: promote, control: null, share: 0.5 };
    const first = await activities.simulateDay({ ...call, day: 1, before: [] });
    const second = await activities.simulateDay({ ...call, day: 2, before: [first] });
    expect(first.state.finished).toBe(false);
    expect((await exposuresOf(first)).every(({ failed }) => !failed)).toBe(true);

    const fresh = createPromoteActivities(deps);
    try {
      const again = await fresh.simulateDay({ ...call, day: 2, before: [first] });
      expect(await exposuresOf(again)).toEqual(await exposuresOf(second));
    } finally {
      await fresh.stopServing({ input: promote });
    }

    const conclusion = { outcome: 'rejected', reasons: ['because'], decidedBy: 'metrics' } as const;
    const { outputs, facts, headline } = await activities.finishExperiment({
      input: promote,
      conclusion: { ...conclusion, reasons: [...conclusion.reasons] },
      days: [first, second],
    });
    const experiment = JSON.parse(
      Buffer.from(await artifacts.read(outputs.experiment, 'experiment.json')).toString(),
    ) as Experiment;
    expect(experiment.days.map(({ day }) => day)).toEqual([1, 2]);
    expect(facts).toMatchObject({ outcome: 'rejected', days: 2, simulation: 'world' });
    expect(headline).toContain('simulated');
    const merged = await exposuresOf({ exposures: outputs.experiment as Ref<'experiment'> });
    expect(merged).toEqual([...(await exposuresOf(first)), ...(await exposuresOf(second))]);
  });

  it('of a student against itself gives both arms the same service, unlike one against no student', async () => {
    const control: CurrentServing = { value: served, version: 1 };
    const readers = 300;
    const input = { ...promote, settings: { ...settings, promote: { ...settings.promote, readers } } };
    const call = { input, day: 1, before: [] };
    const shown = async (day: Promise<DayResult>): Promise<object[]> =>
      (await exposuresOf(await day)).map((exposure) => ({ ...exposure, arm: 'either' }));
    const treated = await shown(activities.simulateDay({ ...call, control, share: 1 }));
    expect(treated.length).toBe(readers);
    expect(await shown(activities.simulateDay({ ...call, control, share: 0.5 }))).toEqual(treated);
    expect(await shown(activities.simulateDay({ ...call, control: null, share: 0.5 }))).not.toEqual(treated);
  });

  it('ends before it begins when its student cannot be opened', async () => {
    const missing: Ref<'model'> = { kind: 'model', digest: '0'.repeat(64) };
    const input = { ...promote, inputs: { ...inputs, student: missing } };
    await expect(
      activities.simulateDay({ input, control: null, day: 1, share: 0.5, before: [] }),
    ).rejects.toMatchObject({ name: 'ServerStartFailed', retryable: false });
  });
});

describe('a recall server that is killed', () => {
  it('is missed by whoever needed it, and replaced when it is needed again', async () => {
    const servers = createRecallServers();
    const order = { served, articles: served.cleaned };
    try {
      const first = await servers.of('experiment', order);
      expect(await servers.of('experiment', order)).toBe(first);
      process.kill(first.pid, 'SIGKILL');
      await expect
        .poll(() =>
          fetch(`${first.url}/health`).then(
            () => 'up',
            () => 'gone',
          ),
        )
        .toBe('gone');
      await expect.poll(() => whyNot(() => first.check())).toMatch(/ended \(signal SIGKILL\)/);
      const second = await servers.of('experiment', order);
      expect(second.pid).not.toBe(first.pid);
      expect(await (await fetch(`${second.url}/health`)).json()).toEqual({
        status: 'ok',
        student: served.student.digest,
      });
      await servers.stop('experiment');
      expect(whyNot(() => second.check())).toMatch(/ended/);
    } finally {
      await servers.stop('experiment');
    }
  });
});

function whyNot(check: () => void): string {
  try {
    check();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('promotion', () => {
  it('is served without a restart; said twice it succeeds twice; somebody else’s meanwhile is a conflict', async () => {
    const options = { threads: 1, everyMs: 3_600_000, say: () => undefined };
    await expect(followServing(artifacts, options)).rejects.toThrow(ConfigError);

    const won = await activities.swapServing({ input: promote, expected: null });
    expect(await activities.readServing()).toEqual(won);
    // The same call again, as a worker does that was killed before it could answer.
    expect(await activities.swapServing({ input: promote, expected: null })).toEqual(won);

    const following = await followServing(artifacts, options);
    try {
      expect(following.serving().student).toBe(served.student.digest);
      await swapPointer(artifacts.bucket, servingPointer, { ...served, student: rival }, won);
      await following.look();
      expect(following.serving().student).toBe(rival.digest);
      const [answer] = await following
        .serving()
        .service.recall([{ readerId: 'nobody', signals: [], paths: ['popular', 'queries'], depth: 5 }]);
      expect(answer.recalled.popular).toHaveLength(5);
      await expect(activities.swapServing({ input: promote, expected: won })).rejects.toThrow(PointerConflict);
    } finally {
      await following.close();
    }
  });

  it('is undone by a version of its own, which says what it is', async () => {
    await expect(revert(artifacts, 9)).rejects.toThrow('name one from 1 to 1 (version 2 is served)');
    expect(await revert(artifacts, null)).toMatch(/^Version 3 of what is served is version 1 again: student /);
    expect((await activities.readServing())?.value.student).toEqual(served.student);
    expect(await revert(artifacts, 2)).toMatch(/^Version 4 of what is served is version 2 again/);
    const now = await activities.readServing();
    expect(now?.value).toMatchObject({ student: rival, undid: served.student.digest, undone: [served.student.digest] });
  });

  it('that somebody went back from is known for that after the next promotion too, until it is served again', async () => {
    const before = await activities.readServing();
    const third = {
      ...promote,
      inputs: { ...promote.inputs, student: { kind: 'model', digest: '3'.repeat(64) } },
    } as StageInput;
    const { value } = await activities.swapServing({ input: third, expected: before });
    expect(value.undid).toBeUndefined();
    expect(value.undone).toEqual([served.student.digest]);
    const again = await activities.swapServing({ input: promote, expected: await activities.readServing() });
    expect(again.value.undone).toEqual([]);
    await revert(artifacts, 2);
  });

  it('of what cannot be opened is reported once, and the student before it goes on', async () => {
    const said: string[] = [];
    const following = await followServing(artifacts, {
      threads: 1,
      everyMs: 3_600_000,
      say: (text) => void said.push(text),
    });
    try {
      const missing: Ref<'model'> = { kind: 'model', digest: '1'.repeat(64) };
      await swapPointer(
        artifacts.bucket,
        servingPointer,
        { ...served, student: missing },
        await activities.readServing(),
      );
      await following.look();
      await following.look();
      expect(following.serving().student).toBe(rival.digest);
      expect(said).toHaveLength(1);
    } finally {
      await following.close();
    }
  });
});

describe('publishing', () => {
  it('writes the queries of every reader as Arrow and the same as Parquet, and the student with its card', async () => {
    const studentLog = await writeRows(artifacts, 'log', [{ round: 1, metric: 'on_policy', value: 0.5 }], made);
    const evaluation = await artifacts.put(
      'evaluation',
      { 'evaluation.json': Buffer.from(JSON.stringify(anEvaluation)) },
      made,
    );
    const output = await createPublishActivities(deps).publish(
      inputOf('publish', { ...inputs, studentLog, evaluation }),
    );
    const out = join(folder, 'out');
    expect(await copyPublished(artifacts, output, out)).toBe(true);

    const rows = rowsOf<{ reader_id: string; queries: string[] }>(
      schemas.queries,
      readFileSync(join(out, 'queries.arrow')),
    );
    const dataset = await openDataset(artifacts, inputs.cleaned as Ref<'dataset'>);
    const everybody = (['train', 'dev', 'test'] as const).flatMap((split) => dataset.everyReader(split));
    expect(rows.map(({ reader_id }) => reader_id)).toEqual(everybody.map(({ readerId }) => readerId));
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const parquet = await connection.runAndReadAll(`SELECT * FROM '${join(out, 'queries.parquet')}'`);
    expect(parquet.getRowObjectsJson()).toEqual(rows);

    expect(loadLanguageModel(join(out, 'student')).parameters).toEqual(
      loadLanguageModel(join(root, 'models', 'base-xs')).parameters,
    );
    const card = readFileSync(join(out, 'student', 'README.md'), 'utf8');
    expect(card).toContain('0.200 [0.100, 0.300]');
    expect(card).not.toContain('<script>');
    expect(card).not.toContain('[click](');
    expect(existsSync(join(out, 'student', 'model.safetensors'))).toBe(true);
  });
});

const interval = { mean: 0.2, low: 0.1, high: 0.3 };
const rewards = { align: 1, cov: 1, spec: 1, div: 1, struct: 1, total: 5 };
const ranked = { 'recall@5': interval, 'recall@10': interval, 'ndcg@5': interval, 'ndcg@10': interval, mrr: interval };
const distilled = { recall10: interval, ndcg10: interval, shareOfTeacher: interval };
const anEvaluation: Evaluation = {
  readers: 30,
  seed: 1,
  ranking: { teacher: ranked, student: ranked },
  cold: { readers: 0, recall: {} },
  rewards: { warmstart: rewards, teacher: rewards, student: rewards },
  differences: [],
  distillation: { on_policy: distilled, supervised: distilled, none: distilled },
  cleaning: { cleaned: interval, raw: interval, difference: interval },
  gate: { passed: true, checks: [{ what: 'share', passed: true, detail: '<script>x</script> [click](http://x)' }] },
  baselines: {},
  examples: [],
};
