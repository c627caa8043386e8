/** What an operator sees of a pipeline: each step's state, in the UI's current details, in search attributes, and by query. */
import { defineQuery, setCurrentDetails, setHandler, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Plan, RunProgress, StepState, StepStatus } from '../lib/pipeline/plan.ts';

export const progress = defineQuery<RunProgress>('progress');

export const stepAttribute = defineSearchAttributeKey('NewshoundStep', SearchAttributeType.KEYWORD);

export interface Board {
  readonly states: Readonly<Record<string, StepState>>;
  statuses(): Record<string, StepStatus>;
  /** Changes a step's state and shows it. */
  set(name: string, change: Partial<StepState>): void;
  setHeld(held: boolean, text: string): void;
}

/** What is shown of a plan: its steps by name. */
interface Shown extends Pick<Plan, 'pipeline' | 'profile' | 'seed'> {
  steps: readonly { name: string; uses: string; summary: string }[];
}

export function openBoard(plan: Shown, run: string): Board {
  const states: Record<string, StepState> = Object.fromEntries(plan.steps.map((step) => [step.name, waiting(step)]));
  const startedAt = workflowInfo().startTime.getTime();
  let held = false;
  let note = '';
  let shown = '';
  const show = (): void => {
    setCurrentDetails(markdown(Object.values(states), note));
    const running = Object.values(states).filter((state) => state.status === 'running');
    const names = running.map((state) => state.name).join(' ') || 'none';
    if (names === shown) return;
    shown = names;
    upsertSearchAttributes([{ key: stepAttribute, value: names }]);
  };
  setHandler(progress, () => ({
    run,
    pipeline: plan.pipeline,
    profile: plan.profile,
    seed: plan.seed,
    held,
    startedAt,
    steps: Object.values(states),
  }));
  setCurrentDetails(markdown(Object.values(states), note));
  return {
    states,
    statuses: () => Object.fromEntries(Object.values(states).map(({ name, status }) => [name, status])),
    set: (name, change) => {
      states[name] = { ...states[name], ...change };
      show();
    },
    setHeld: (to, text) => {
      held = to;
      note = text;
      show();
    },
  };
}

function waiting(step: Shown['steps'][number]): StepState {
  return {
    name: step.name,
    uses: step.uses,
    summary: step.summary,
    status: 'waiting',
    startedAt: null,
    endedAt: null,
    fraction: null,
    headline: '',
    child: null,
    outputs: {},
    facts: {},
    work: null,
  };
}

function markdown(states: readonly StepState[], note: string): string {
  const rows = states.map((state) => {
    const seconds =
      state.startedAt !== null && state.endedAt !== null
        ? `${((state.endedAt - state.startedAt) / 1000).toFixed(1)} s`
        : '';
    const text = (state.headline || state.summary).replaceAll('|', '\\|').replaceAll('\n', ' ');
    return `| ${state.name} | ${state.status} | ${seconds} | ${text} |`;
  });
  return [
    ...(note === '' ? [] : [`**${note}**`, '']),
    '| step | state | time | |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

/** Workflow ids of the children that run. */
export function runningChildren({ states }: Board): string[] {
  return Object.values(states).flatMap(({ status, child }) => (status === 'running' && child !== null ? [child] : []));
}
