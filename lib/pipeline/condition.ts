/** The `when` of a step: one fact, or `not` one fact. Nothing more: a pipeline is not a program. */
import type { Condition } from './plan.ts';

/** Reads `evaluate.passed`, `not evaluate.passed` or `settings.clean.enabled`. Returns what is wrong with it otherwise. */
export function parseCondition(text: string): Condition | { problem: string } {
  const match = /^\s*(?:(not)\s+)?([A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)+)\s*$/.exec(text);
  if (!match) {
    return { problem: `"${text}" is not a condition. Write STEP.FACT, settings.SECTION.KEY, or either after "not"` };
  }
  const [root, ...path] = match[2].split('.');
  return { negated: match[1] === 'not', of: root === 'settings' ? 'settings' : { step: root }, path };
}
