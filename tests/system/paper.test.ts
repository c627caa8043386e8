import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PaperFigures } from '../../lib/report/paper/figures.ts';
import { type Command, type Home, newHome, newshound, pidsOf } from './command.ts';

/** Profile tiny, made smaller still, with an arm of each kind: what is tested is the path, not the figures. */
const arms = ['main', 'without_cov', 'size_s', 'best_of', 'ab_test', 'rate', 'jsd', 'uncleaned', 'clicks_only'];
const smaller = ['teacher.rounds=2', 'student.steps=2', 'promote.days=2'].flatMap((word) => ['--set', word]);
const tiny = ['paper', '--profile', 'tiny', ...smaller, '--set', `paper.arms=[${arms.join(',')}]`];
const some = ['paper', '--profile', 'tiny', ...smaller, '--set', 'paper.arms=[main,without_cov,best_of]'];

async function finished(home: Home, args: readonly string[]): Promise<PaperFigures> {
  const command = newshound(home, args);
  expect(await command.ended, command.output()).toBe(0);
  return figuresOf(home);
}

function figuresOf(home: Home): PaperFigures {
  return JSON.parse(readFileSync(join(home.out, 'paper/figures.json'), 'utf8')) as PaperFigures;
}

async function printed(command: Command, text: RegExp): Promise<void> {
  await expect.poll(() => command.output(), { timeout: 600_000 }).toMatch(text);
}

// A minute or two on two cores that do nothing else, many beside other work.
describe('a paper run, profile tiny', { timeout: 1_200_000 }, () => {
  const home = newHome();

  it('that was killed in one arm and stopped in the next goes on, and gives every claim a verdict on a page', async () => {
    const stopped = newshound(home, tiny);
    await printed(stopped, /without_cov-2026-1 running/);
    await expect.poll(() => pidsOf(home)['compute process'], { timeout: 60_000 }).toBeDefined();
    process.kill(pidsOf(home)['compute process'], 'SIGKILL');
    await printed(stopped, /size_s-2026-1 running/);
    stopped.process.kill('SIGINT');
    expect(await stopped.ended, stopped.output()).not.toBe(0);

    const { results, record } = await finished(home, tiny);
    expect(record).toMatchObject({ shrunk: [], impossible: [], notRun: [] });
    expect(Object.keys(record.code)).toEqual(expect.arrayContaining(['teacher', 'student', 'evaluate', 'measure']));
    for (const [stage, digests] of Object.entries(record.code))
      expect(digests, stage).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
    for (const { id, verdict, reason } of results.claims) {
      expect(verdict, id).toMatch(/^(holds|does not hold|cannot be told at this n|not measured)$/);
      expect(reason, id).not.toBe('');
    }
    for (const [table, rows] of Object.entries(results.tables)) expect(rows.length, table).toBeGreaterThanOrEqual(2);
    expect(results.abTest.map(({ metric }) => metric)).toContain('dau');
    expect(record.rates).toHaveLength(1);

    const page = readFileSync(join(home.out, 'paper.md'), 'utf8');
    for (const { words, verdict } of results.claims) expect(page).toMatch(lineOf(words, verdict));
    for (const plot of readdirSync(join(home.out, 'paper')).filter((file) => file.endsWith('.svg')))
      expect(page).toContain(`(paper/${plot})`);
    expect(page).toContain(record.run);
  });

  it('run again reuses every arm, and finds the same', async () => {
    const before = figuresOf(home);
    const again = newshound(home, tiny);
    expect(await again.ended, again.output()).toBe(0);
    expect(again.output()).toContain(`${arms.length} of ${arms.length} arms were reused`);
    expect(figuresOf(home).digest).toBe(before.digest);
  });

  it('finds what a run that nothing disturbed finds', async () => {
    const disturbed = await finished(home, some);
    const undisturbed = await finished(newHome(), some);
    expect(undisturbed.digest).toBe(disturbed.digest);
    expect(undisturbed.results).toEqual(disturbed.results);
  });
});

function lineOf(words: string, verdict: string): RegExp {
  const escaped = words.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^\\| ${escaped} \\|.*\\| \\*\\*${verdict}\\*\\* \\|$`, 'm');
}
