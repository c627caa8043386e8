/** Which steps may start now: pure rules over the steps' states. */
import type { PlanStep, StepState, StepStatus } from './plan.ts';
import type { Settings } from './stage-settings.ts';
import type { Json } from './stages.ts';

type Statuses = Readonly<Record<string, StepStatus>>;

const ended: ReadonlySet<StepStatus> = new Set(['done', 'cached', 'skipped', 'failed', 'cancelled']);
const delivered: ReadonlySet<StepStatus> = new Set(['done', 'cached']);

/** Steps, in plan order, whose needs have all ended well (or were skipped) and that have not started. None after a failure. */
export function readySteps<S extends Pick<PlanStep, 'name' | 'needs'>>(steps: readonly S[], statuses: Statuses): S[] {
  if (steps.some((step) => statuses[step.name] === 'failed' || statuses[step.name] === 'cancelled')) return [];
  return steps.filter(
    (step) => statuses[step.name] === 'waiting' && step.needs.every((need) => ended.has(statuses[need])),
  );
}

/** True when nothing runs and nothing can start. */
export function hasEnded(steps: readonly Pick<PlanStep, 'name' | 'needs'>[], statuses: Statuses): boolean {
  return steps.every((step) => statuses[step.name] !== 'running') && readySteps(steps, statuses).length === 0;
}

/** Why a ready step does not run, or null when it does: its condition is false, or a step that gives an input was itself skipped. */
export function skipReason(
  step: PlanStep,
  states: Readonly<Record<string, Pick<StepState, 'status' | 'facts'>>>,
  settings: Settings,
): string | null {
  for (const [input, { from, optional }] of Object.entries(step.inputs)) {
    if (from !== null && !optional && !delivered.has(states[from].status)) {
      return `${input} is missing: ${from} was ${states[from].status}`;
    }
  }
  if (step.when === null) return null;
  const { of, path, negated } = step.when;
  const root: unknown = of === 'settings' ? settings : states[of.step].facts;
  const value = valueAt(root, path);
  const holds = value !== undefined && value !== null && value !== false && value !== 0 && value !== '';
  if (holds !== negated) return null;
  const name = [of === 'settings' ? 'settings' : of.step, ...path].join('.');
  return `${name} is ${JSON.stringify(value ?? null)}`;
}

/** A cycle among the steps as a path that ends where it began, or null. Needs that name no step are ignored. */
export function findCycle(steps: readonly Pick<PlanStep, 'name' | 'needs'>[]): string[] | null {
  const needs = new Map(steps.map((step) => [step.name, step.needs]));
  const safe = new Set<string>();
  const visit = (name: string, path: string[]): string[] | null => {
    if (safe.has(name) || !needs.has(name)) return null;
    const at = path.indexOf(name);
    if (at >= 0) return [...path.slice(at), name];
    for (const need of needs.get(name) ?? []) {
      const cycle = visit(need, [...path, name]);
      if (cycle) return cycle;
    }
    safe.add(name);
    return null;
  };
  for (const { name } of steps) {
    const cycle = visit(name, []);
    if (cycle) return cycle;
  }
  return null;
}

/** Every step that must end before `name`, directly or through others. */
export function ancestors(steps: readonly Pick<PlanStep, 'name' | 'needs'>[], name: string): Set<string> {
  const needs = new Map(steps.map((step) => [step.name, step.needs]));
  const found = new Set<string>();
  const visit = (step: string): void => {
    for (const need of needs.get(step) ?? []) {
      if (found.has(need)) continue;
      found.add(need);
      visit(need);
    }
  };
  visit(name);
  return found;
}

export function valueAt(root: unknown, path: readonly string[]): Json | undefined {
  let value: unknown = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value as Json;
}
