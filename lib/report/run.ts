/** What happened in the run: the experiment, cleaning, some readers, the stages. */
import { html, raw } from 'hono/html';
import { holm } from '../method/multiple-tests.ts';
import type { ReportData } from './data.ts';
import { duration, type Section, simulationNote, table, timeSpent, written } from './text.ts';
import { curves } from './plots.ts';

const metricNames: Record<string, string> = {
  dau: 'daily active readers',
  ctr: 'click-through rate',
  cold_dau: 'daily active cold readers',
};

export async function experimentSection({ experiment }: ReportData): Promise<Section> {
  if (!experiment) return html``;
  const metrics = Object.entries(experiment.metrics);
  const adjusted = holm(metrics.map(([, { p }]) => p));
  const ofOneLook = (text: string): string => (experiment.caveat === null ? text : '');
  const points = experiment.days.flatMap((day) => [
    { x: day.day, y: day.ctrControl, series: 'control' },
    { x: day.day, y: day.ctrTreatment, series: 'treatment' },
  ]);
  return html`<h2>A/B test: ${experiment.outcome.replace('_', ' ')}</h2>
<p>${experiment.reasons.join('; ')}. Decided by ${experiment.decidedBy}.</p>
<p class="soft">${experiment.readers.control.toLocaleString('en')} readers in control, ${experiment.readers.treatment.toLocaleString('en')} in treatment; sample-ratio check p = ${experiment.srmP.toPrecision(2)}. ${simulationNote[experiment.simulation]}${experiment.caveat === null ? '' : html` <b>No interval or p is given: ${experiment.caveat}.</b>`}${experiment.metrics.ctr ? ` p of no change in the click-through rate, whenever one looks: ${experiment.ctrAlwaysValidP.toPrecision(2)}.` : ''}</p>
${raw(await curves(points, { x: 'day', y: 'click-through rate' }, 'Click-through rate by day'))}
${table(
  ['metric', 'control', 'treatment', 'relative difference', 'p after Holm'],
  metrics.map(([name, metric], i) => [
    metricNames[name] ?? name,
    metric.control.toFixed(4),
    metric.treatment.toFixed(4),
    `${(100 * metric.relative.mean).toFixed(2)} %${ofOneLook(` [${(100 * metric.relative.low).toFixed(2)}, ${(100 * metric.relative.high).toFixed(2)}]`)}`,
    ofOneLook(adjusted[i].toPrecision(2)),
  ]),
)}
${table(
  ['day', 'share', 'control', 'treatment', 'p95 ms', 'errors'],
  experiment.days.map((day) => [
    String(day.day),
    `${(100 * day.share).toFixed(0)} %`,
    String(day.control),
    String(day.treatment),
    day.p95Ms.toFixed(1),
    String(day.errors),
  ]),
)}`;
}

export async function cleaningSection({ facts, evaluation }: ReportData): Promise<Section> {
  if (!facts.clean) return html``;
  const rows = Object.entries(facts.clean).map(([name, value]) => [
    name.replaceAll('_', ' '),
    typeof value === 'number' ? String(Math.round(value * 10000) / 10000) : JSON.stringify(value),
  ]);
  return html`<h2>Cleaning</h2>
${table(['figure', 'value'], rows)}
${evaluation ? html`<p>Recall@10 of the student on cleaned signals ${written(evaluation.cleaning.cleaned)}, on raw signals ${written(evaluation.cleaning.raw)}; paired difference ${written(evaluation.cleaning.difference)}.</p>` : ''}`;
}

export async function examplesSection({ evaluation }: ReportData): Promise<Section> {
  if (!evaluation || evaluation.examples.length === 0) return html``;
  return html`<h2>Some readers</h2>
${evaluation.examples.map(
  (
    reader,
    i,
  ) => html`<details ${i === 0 ? raw('open') : ''}><summary>${reader.readerId}${reader.cold ? ', cold' : ''}</summary>
<h3>Signals, oldest first</h3><ul>${reader.signals.map(({ kind, text }) => html`<li><span class="kind">${kind}</span> ${text}</li>`)}</ul>
${Object.entries(reader.lists).map(([method, queries]) => html`<h3>Queries of the ${method}</h3><ul>${queries.map((query) => html`<li>${query}</li>`)}</ul>`)}
<h3>Recalled for the student's queries</h3><ul>${reader.recalled.map(({ title, clicked }) => html`<li>${title} ${clicked ? html`<b class="good">clicked</b>` : ''}</li>`)}</ul></details>`,
)}`;
}

export async function stagesSection(data: ReportData): Promise<Section> {
  return html`<h2>The run</h2>
${table(
  ['stage', 'state', 'time', ''],
  data.stages.map((stage) => [
    stage.name,
    stage.cached ? 'reused' : stage.status,
    duration(stage.seconds),
    html`<span class="soft">${stage.headline}</span>`,
  ]),
  4,
)}
<p class="soft">In ${duration(data.seconds)}; ${timeSpent(data)}. Teacher <code>${data.digests.teacher ?? 'none'}</code>, student <code>${data.digests.student ?? 'none'}</code>.</p>`;
}
