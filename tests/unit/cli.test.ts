import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDisplay } from '../../cli/display.ts';
import { plainStepLine, progressLines, secondsLeft } from '../../cli/progress.ts';
import { settingsText } from '../../cli/settings.ts';
import { fit, formatTable, printable, shownWidth } from '../../cli/table.ts';
import { acquireLock } from '../../infra/lock.ts';
import type { RunProgress, StepState } from '../../lib/pipeline/plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'newshound-cli-'));
const root = join(import.meta.dirname, '../..');

function step(name: string, change: Partial<StepState>): StepState {
  return {
    name,
    uses: name,
    summary: `what ${name} does`,
    status: 'waiting',
    startedAt: null,
    endedAt: null,
    fraction: null,
    headline: '',
    child: null,
    outputs: {},
    work: null,
    facts: {},
    ...change,
  };
}

const progress: RunProgress = {
  run: 'r',
  pipeline: 'nightly',
  profile: 'demo',
  seed: 1,
  held: false,
  startedAt: 0,
  steps: [
    step('extract', { status: 'cached', headline: '8,000 readers' }),
    step('teacher', {
      status: 'running',
      startedAt: 10_000,
      fraction: 0.25,
      headline: 'round 10 of 40\u001b[2J, reward 2.1',
    }),
    step('student', {}),
  ],
};

/** Runs the command line in `cwd`; resolves to what it printed. */
function newshound(cwd: string, ...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((settle) => {
    const env = { ...process.env, NO_COLOR: '1', NEWSHOUND_STATE: '', NEWSHOUND_OUT: '' };
    const child = execFile(
      process.execPath,
      [join(root, 'cli/newshound.ts'), ...args],
      { cwd, env, timeout: 50_000 },
      (_, out, err) => settle({ code: child.exitCode, out, err }),
    );
  });
}

function stream(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let text = '';
  return {
    stream: {
      isTTY,
      columns: 90,
      rows: 30,
      write: (chunk: string) => (text += chunk),
    } as unknown as NodeJS.WriteStream,
    text: () => text,
  };
}

describe('text for a terminal', () => {
  it('keeps lines and colours, and no other escape sequence', () => {
    expect(printable('a\u001b[31mred\u001b[0m\n\tb')).toBe('a\u001b[31mred\u001b[0m\n\tb');
    expect(printable('N\u001b]0;owned\u0007\u001b[2J\u009b2J\r\u202Ex')).toBe('N]0;owned[2J2Jx');
  });
});

describe('a table', () => {
  it('is aligned, with no blanks at the ends of lines', () => {
    const columns = [
      { title: 'method', align: 'left' },
      { title: 'recall@10', align: 'right' },
    ] as const;
    expect(
      formatTable(columns, [
        ['student', '0.151'],
        ['popularity', ''],
      ]),
    ).toBe(['method      recall@10', 'student         0.151', 'popularity'].join('\n'));
  });

  it('is cut to a width without losing that width, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 60 }), (text, width) => {
        const fitted = fit(text, width);
        expect(shownWidth(fitted)).toBeLessThanOrEqual(width);
        expect(fitted).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});

describe('progress', () => {
  const view = { nowMs: 40_000, width: 100, lastTime: { teacher: 100, student: 20 } };

  it('shows each step with its state, share, time and time left, and no control characters of a headline', () => {
    const lines = progressLines(progress, view).join('\n');
    expect(lines).toMatch(/nightly.*40 s, about 1 min 50 s left/);
    expect(lines).toMatch(/extract +reused +8,000 readers/);
    expect(lines).toMatch(/teacher +30 s .*25 % +1 min 30 s left  round 10 of 40/);
    expect(lines).toMatch(/student +waiting +what student does/);
    expect(lines).not.toContain('\u001b[2J');
  });

  it('knows no time left while a step that waits never ran here', () => {
    expect(secondsLeft(progress, { nowMs: 40_000, lastTime: {} })).toBeNull();
    expect(secondsLeft(progress, { nowMs: 40_000, lastTime: { student: 20 } })).toBeCloseTo(110);
  });

  it('never draws a line wider than the terminal', () => {
    const headlines = fc.string({ unit: 'grapheme', maxLength: 300 });
    fc.assert(
      fc.property(headlines, fc.integer({ min: 75, max: 200 }), (headline, width) => {
        const steps = [step('teacher', { status: 'running', startedAt: 0, fraction: 0.5, headline })];
        for (const line of progressLines({ ...progress, steps }, { ...view, width }).slice(1))
          expect(shownWidth(line)).toBeLessThan(width);
      }),
    );
  });

  it('is a line for each change where there is no terminal', () => {
    const { stream: out, text } = stream(false);
    const display = createDisplay(out);
    display.show(progress, {});
    display.show(progress, {});
    display.show(
      {
        ...progress,
        steps: progress.steps.map((one) =>
          one.name === 'teacher' ? { ...one, status: 'done', endedAt: 50_000, headline: 'reward 2.4' } : one,
        ),
      },
      {},
    );
    expect(text().trimEnd().split('\n')).toEqual([
      'extract reused: 8,000 readers',
      expect.stringMatching(/^teacher running 25 %, .*: round 10 of 40 \[2J, reward 2.1$/),
      'teacher done, 40 s: reward 2.4',
    ]);
    expect(plainStepLine(step('x', { status: 'skipped' }), 0)).toBe('x skipped');
  });

  it('is redrawn in place on a terminal, under the lines said meanwhile', () => {
    const { stream: out, text } = stream(true);
    const display = createDisplay(out);
    display.show(progress, {});
    display.line('S3 server ended; starting it again');
    display.show(progress, {});
    const screen = render(text());
    expect(screen[0]).toBe('S3 server ended; starting it again');
    expect(screen.filter((line) => line.includes('teacher'))).toHaveLength(1);
  });
});

describe('newshound', () => {
  it('refuses an unknown pipeline with one line, a suggestion and no stack, and starts nothing', async () => {
    const cwd = mkdtempSync(join(folder, 'run-'));
    writeFileSync(
      join(cwd, 'pipelines.yaml'),
      'pipelines:\n  nightly:\n    profile: demo\n    steps:\n      - uses: extract\nprofiles:\n  demo: {}\n',
    );
    const { code, err } = await newshound(cwd, 'run', 'nightli');
    expect(code).toBe(1);
    expect(err).toMatch(/^newshound: .*nightli.*nightly.*\n$/);
    expect(readdirSync(cwd)).toEqual(['pipelines.yaml']);
  });

  it('refuses to test claims on a world that the base models were trained on', async () => {
    const { code, err } = await newshound(root, 'paper', '--set', 'paper.worlds=[2030,101]');
    expect(code).toBe(1);
    expect(err).toMatch(/^newshound: paper\.worlds: base models were trained on world 101,.*\n$/);
  });

  it('refuses to run twice in one folder, naming the one that runs, and touches nothing', async () => {
    const cwd = mkdtempSync(join(folder, 'twice-'));
    writeFileSync(
      join(cwd, 'pipelines.yaml'),
      'pipelines:\n  nightly:\n    profile: demo\n    steps:\n      - uses: extract\nprofiles:\n  demo: {}\n',
    );
    mkdirSync(join(cwd, '.newshound'));
    const lock = acquireLock(join(cwd, '.newshound/lock'), 'running pipeline nightly');
    const { code, err } = await newshound(cwd, 'run', 'nightly');
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`^newshound: .*pid ${process.pid}.*running pipeline nightly.*\n$`));
    expect(readdirSync(join(cwd, '.newshound'))).toEqual(['lock']);
    lock.release();
  });

  it('shows every setting of a section, and refuses one that does not exist', () => {
    expect(settingsText(join(root, 'pipelines.yaml'), 'promote')).toMatch(
      /promote\.approval +required \| automatic +"required"/,
    );
    expect(() => settingsText(join(root, 'pipelines.yaml'), 'promot')).toThrow(/no section.*promote/);
  });
});

/** What a terminal shows after `text`: lines, of which "up", "clear line" and "clear below" are understood. */
function render(text: string): string[] {
  const screen: string[] = [];
  let row = 0;
  for (const [, up, clear, colour, newline, other] of text.matchAll(terminal)) {
    if (up) row -= Number(up);
    else if (clear === '\u001b[0J') screen.splice(row);
    else if (clear) screen[row] = '';
    else if (newline) row += 1;
    else if (other && !colour) screen[row] = (screen[row] ?? '') + other;
  }
  return screen;
}

// oxlint-disable-next-line no-control-regex -- the terminal's own sequences
const terminal = /(?:\u001b\[(\d+)A)|(\u001b\[[20][KJ])|(\u001b\[[0-9;]*m)|(\n)|([^\u001b\n]+)/g;
