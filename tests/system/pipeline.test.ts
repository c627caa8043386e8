import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { temporalConnection } from '../../infra/environment.ts';
import { processStart } from '../../infra/processes.ts';
import { readRunning } from '../../infra/running.ts';
import { Random } from '../../lib/random.ts';
import { type Home, newHome, newshound, pidsOf, type Summary, summaryOf } from './command.ts';

const tiny = ['run', 'nightly', '--profile', 'tiny'];
const allStages = [
  'extract',
  'clean',
  'index',
  'warmstart',
  'teacher',
  'sweep',
  'student',
  'evaluate',
  'promote',
  'publish',
];

async function finished(home: Home, args: readonly string[]): Promise<Summary> {
  const command = newshound(home, args);
  const code = await command.ended;
  expect(code, command.output()).toBe(0);
  return summaryOf(home);
}

/** False where the process had ended already. */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

// A minute or two each on two cores that do nothing else, many beside other work.
describe('the nightly pipeline, profile tiny', { timeout: 1_200_000 }, () => {
  const home = newHome();
  let first: Summary;

  it('goes from the world to a tested and published student; a second start meanwhile is refused', async () => {
    const command = newshound(home, tiny);
    await expect.poll(() => existsSync(join(home.state, 'running.json')), { timeout: 60_000 }).toBe(true);
    const second = newshound(home, tiny);
    expect(await second.ended).toBe(1);
    expect(second.output()).toMatch(/another newshound process \(pid \d+\) has been running pipeline nightly/);
    await expect.poll(() => Object.keys(pidsOf(home)).length, { timeout: 120_000 }).toBe(6);
    const started = Object.entries(pidsOf(home)).map(([name, pid]) => ({ name, pid, start: processStart(pid) }));
    expect(started.filter(({ start }) => start === null)).toEqual([]);

    expect(await command.ended, command.output()).toBe(0);
    first = summaryOf(home);
    expect(first.stages.map(({ name }) => name)).toEqual(allStages);
    expect(first.stages.filter(({ status }) => status !== 'done')).toEqual([]);
    expect(first.digests.student).toMatch(/^[0-9a-f]{64}$/);
    for (const method of [
      'random',
      'popularity',
      'last_click',
      'mean_signals',
      'signals_as_queries',
      'gru4rec',
      'sasrec',
      'nrhub',
      'pinsage',
      'hstu',
      'oracle',
      'warmstart',
      'teacher',
      'student',
    ])
      for (const metric of ['recall@5', 'recall@10', 'ndcg@5', 'ndcg@10', 'mrr']) {
        const { mean, low, high } = first.ranking[method][metric];
        expect(low, `${method} ${metric}`).toBeLessThanOrEqual(mean);
        expect(mean, `${method} ${metric}`).toBeLessThanOrEqual(high);
      }
    expect(first.ranking.oracle['recall@10'].mean).toBeGreaterThan(first.ranking.random['recall@10'].mean);
    for (const key of [
      'run',
      'profile',
      'seed',
      'source',
      'distillation',
      'scaling',
      'cleaning',
      'peak_rss_mb',
      'orchestration_share',
    ])
      expect(first[key] ?? null, key).not.toBeNull();
    expect(first.experiment?.outcome).toMatch(/^(promoted|rejected|inconclusive|rolled_back)$/);
    expect(readFileSync(join(home.out, 'report/index.html'), 'utf8')).toMatch(
      /Recall of what readers clicked next[\s\S]*<svg/,
    );
    for (const file of ['queries.parquet', 'student/model.safetensors', 'student/onnx/model.onnx'])
      expect(existsSync(join(home.out, file)), file).toBe(true);
    expect(started.filter(({ pid, start }) => processStart(pid) === start)).toEqual([]);
  });

  it('run again reuses every step', async () => {
    const { stages, digests } = await finished(home, tiny);
    // An experiment without a decision is made again, and what depends on it.
    const decided = ['promoted', 'rejected'].includes(first.experiment?.outcome ?? '');
    const reused = stages.filter(({ cached }) => cached).map(({ name }) => name);
    expect(reused).toEqual(decided ? allStages : allStages.filter((name) => name !== 'promote' && name !== 'publish'));
    expect(digests).toEqual(first.digests);
  });

  it('by its schedule leaves its results where a run by hand does', async () => {
    const up = newshound(home, ['up']);
    await expect.poll(() => up.output(), { timeout: 120_000 }).toContain('Ctrl-C ends everything');
    const scheduled = newshound(home, ['schedule', 'nightly', '--profile', 'tiny']);
    expect(await scheduled.ended, scheduled.output()).toBe(0);
    rmSync(join(home.out, 'summary.json'));
    rmSync(join(home.out, 'queries.arrow'));

    const { namespace, connection: address } = temporalConnection(readRunning(home.state)?.env ?? {});
    const connection = await Connection.connect(address);
    const client = new Client({ connection, namespace });
    await client.schedule.getHandle('newshound-nightly-tiny').trigger();
    await expect
      .poll(() => up.output(), { timeout: 240_000 })
      .toMatch(/Scheduled run newshound-nightly-tiny.* has ended/);
    await connection.close();
    expect(summaryOf(home).digests).toEqual(first.digests);
    expect(existsSync(join(home.out, 'queries.arrow'))).toBe(true);

    const joined = newshound(home, [...tiny, '--set', 'teacher.rounds=9']);
    await expect.poll(() => joined.output(), { timeout: 60_000 }).toMatch(/teacher +running|running .*: teacher/);
    const down = newshound(home, ['down']);
    expect(await down.ended).toBe(0);
    expect(await up.ended, up.output()).toBe(0);
    expect(await joined.ended).toBe(1);
    expect(joined.output()).toMatch(/has ended\. Start again: the run goes on from here/);
  });

  it('with another setting runs again what depends on it, and nothing else', async () => {
    const { stages } = await finished(home, [...tiny, '--set', 'student.steps=2']);
    expect(stages.filter(({ cached }) => cached).map(({ name }) => name)).toEqual(allStages.slice(0, 6));
  });

  it('survives kill -9 of any of its processes, again and again, and ends with the same student', async () => {
    const seed = Number(process.env['NEWSHOUND_TEST_SEED'] ?? Date.now());
    const random = new Random(seed, 'kills');
    const disturbed = newHome();
    const command = newshound(disturbed, tiny);
    const ended = new AbortController();
    void command.ended.then(() => ended.abort());
    await expect.poll(() => Object.keys(pidsOf(disturbed)).length, { timeout: 120_000 }).toBe(6);
    const kills: string[] = [];
    while (!ended.signal.aborted && kills.length < 10) {
      await delay(500 + 2_500 * random.uniform(), undefined, { signal: ended.signal }).catch(() => undefined);
      // Between two lives of a process it is not among them, and after the run none is.
      const running = Object.entries(pidsOf(disturbed));
      if (ended.signal.aborted || running.length === 0) break;
      const [name, pid] = random.pick(running);
      if (killed(pid)) kills.push(name);
    }
    expect(await command.ended, `seed ${seed}, killed ${kills.join(', ')}\n${command.output()}`).toBe(0);
    expect(kills.length, 'processes killed').toBeGreaterThanOrEqual(4);
    expect(summaryOf(disturbed).digests, `seed ${seed}, killed ${kills.join(', ')}`).toEqual(first.digests);
  });
});
