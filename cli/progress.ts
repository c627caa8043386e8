/** How a run looks on the terminal while it goes on: every step with its state, share done and time left. */
import { colors as pc } from './colors.ts';
import type { RunProgress, StepState, StepStatus } from '../lib/pipeline/plan.ts';
import { spoken } from '../infra/say.ts';
import { fit, shownWidth } from './table.ts';

/** Seconds that each step took the last time it ran: what the time left of a run is judged by. */
export type Durations = Readonly<Record<string, number>>;

export interface View {
  nowMs: number;
  /** Columns of the terminal. */
  width: number;
  lastTime: Durations;
}

/** The run as a block of lines: a heading, then one line a step. */
export function progressLines(progress: RunProgress, view: View): string[] {
  const elapsed = spoken((view.nowMs - progress.startedAt) / 1000);
  const left = secondsLeft(progress, view);
  const times = left === null ? elapsed : `${elapsed}, about ${spoken(left)} left`;
  const held = progress.held ? pc.yellow('  held: no step starts until it is resumed') : '';
  const nameWidth = Math.max(...progress.steps.map((step) => step.name.length));
  return [
    `${pc.bold(`${progress.pipeline}`)} ${pc.dim(`profile ${progress.profile}, seed ${progress.seed}`)}  ${times}${held}`,
    ...progress.steps.map((step) => stepLine(step, nameWidth, view)),
  ];
}

/** One line about a step that changed, for output that is not a terminal. */
export function plainStepLine(step: StepState, nowMs: number): string {
  const seconds = stepSeconds(step, nowMs);
  const share = step.fraction === null || step.status !== 'running' ? '' : ` ${Math.floor(100 * step.fraction)} %`;
  const time = seconds === null || step.status === 'waiting' ? '' : `, ${spoken(seconds)}`;
  const headline = step.headline === '' ? '' : `: ${fit(step.headline, 200)}`;
  return `${step.name} ${words[step.status]}${share}${time}${headline}`;
}

/** Seconds until the run ends, from each step's share done or its time in the last run; null where a step has neither. */
export function secondsLeft(progress: RunProgress, view: Pick<View, 'nowMs' | 'lastTime'>): number | null {
  let left = 0;
  for (const step of progress.steps) {
    if (step.status !== 'waiting' && step.status !== 'running') continue;
    const seconds = step.status === 'running' ? stepSecondsLeft(step, view.nowMs) : null;
    const guess = seconds ?? view.lastTime[step.name];
    if (guess === undefined) return null;
    left += seconds ?? Math.max(0, guess - (stepSeconds(step, view.nowMs) ?? 0));
  }
  return left;
}

const words: Record<StepStatus, string> = {
  waiting: 'waiting',
  running: 'running',
  done: 'done',
  cached: 'reused',
  skipped: 'skipped',
  failed: 'failed',
  cancelled: 'cancelled',
};

const marks: Record<StepStatus, string> = {
  waiting: '○',
  running: '●',
  done: '✔',
  cached: '↺',
  skipped: '–',
  failed: '✖',
  cancelled: '✖',
};

const paint: Record<StepStatus, (text: string) => string> = {
  waiting: pc.dim,
  running: pc.cyan,
  done: pc.green,
  cached: pc.green,
  skipped: pc.dim,
  failed: pc.red,
  cancelled: pc.red,
};

const barWidth = 16;

function stepLine(step: StepState, nameWidth: number, view: View): string {
  const head = `  ${paint[step.status](marks[step.status])} ${step.name.padEnd(nameWidth)}  `;
  const body = step.status === 'running' ? runningBody(step, view) : endedBody(step, view);
  const room = Math.max(0, view.width - 1 - shownWidth(head) - shownWidth(body) - 2);
  const headline = step.status === 'waiting' ? step.summary : step.headline;
  return `${head}${body}  ${pc.dim(fit(headline, room))}`.trimEnd();
}

function runningBody(step: StepState, view: View): string {
  const seconds = spoken(stepSeconds(step, view.nowMs) ?? 0);
  if (step.fraction === null) return `${seconds.padStart(11)}${''.padEnd(barWidth + 20)}`;
  const full = Math.round(barWidth * Math.min(1, step.fraction));
  const bar = pc.cyan('█'.repeat(full)) + pc.dim('░'.repeat(barWidth - full));
  const left = stepSecondsLeft(step, view.nowMs);
  const leftText = left === null ? '' : `${spoken(left)} left`;
  return `${seconds.padStart(11)} ${bar} ${`${Math.floor(100 * step.fraction)} %`.padStart(5)} ${leftText.padStart(16)}`;
}

function endedBody(step: StepState, view: View): string {
  const seconds = step.status === 'done' || step.status === 'failed' ? stepSeconds(step, view.nowMs) : null;
  return (seconds === null ? words[step.status] : spoken(seconds)).padStart(11);
}

function stepSeconds(step: StepState, nowMs: number): number | null {
  return step.startedAt === null ? null : Math.max(0, ((step.endedAt ?? nowMs) - step.startedAt) / 1000);
}

function stepSecondsLeft(step: StepState, nowMs: number): number | null {
  const seconds = stepSeconds(step, nowMs);
  if (seconds === null || step.fraction === null || step.fraction < 0.03) return null;
  return (seconds * (1 - step.fraction)) / step.fraction;
}
