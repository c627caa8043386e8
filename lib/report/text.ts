/** Figures and tables as the report writes them. */
import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { Interval } from '../method/bootstrap.ts';
import type { Experiment } from '../training/results.ts';
import type { ReportData } from './data.ts';

export type Section = HtmlEscapedString | Promise<HtmlEscapedString>;

/** `0.213 [0.198, 0.229]`; a dash for what has no figure (JSON keeps a ratio to nothing as null). */
export function written({ mean, low, high }: Interval, digits = 3): string {
  if (![mean, low, high].every(Number.isFinite)) return '–';
  return `${mean.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
}

/** `96 %`, or a dash. */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(0)} %` : '–';
}

/** Where the wall time of a run went; of one that only reused its steps a share would mislead. */
export function timeSpent({ stages, orchestrationShare }: Pick<ReportData, 'stages' | 'orchestrationShare'>): string {
  if (stages.every(({ cached }) => cached)) return 'every step was reused';
  return `Temporal and S3 took ${(100 * orchestrationShare).toFixed(1)} % of the time`;
}

/** A table whose columns after the first `words` are figures. */
export function table(head: readonly string[], rows: readonly (readonly (string | Section)[])[], words = 1): Section {
  const cell = (column: number): string => (column < words ? '' : 'n');
  return html`<div class="scroll"><table><thead><tr>${head.map((name, i) => html`<th class="${cell(i)}">${name}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((value, i) => html`<td class="${cell(i)}">${value}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** `7 min 12 s`, `41 s`, `2 h 5 min` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Whose clicks those of an A/B test are, in a sentence: what its figures can say. */
export const simulationNote: Record<Experiment['simulation'], string> = {
  world:
    'Readers are simulated from the embedded world: figures show that the machinery works, not what a portal would gain.',
  replay: 'The log is replayed: readers click what they clicked in it, so that this rehearses the test and is none.',
};

/** How an A/B test ended and why, in a line. */
export function experimentLine({
  outcome,
  simulation,
  reasons,
}: Pick<Experiment, 'outcome' | 'simulation' | 'reasons'>): string {
  const whose = { world: 'simulated readers', replay: 'a replayed log' }[simulation];
  return `${outcome.replace('_', ' ')} (${whose}): ${reasons.join('; ')}`;
}
