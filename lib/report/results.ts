/** What the models are worth: ranking, distillation, scaling. */
import { html, raw } from 'hono/html';
import { type Bar, intervals, scaling } from './plots.ts';
import { rankingMetricNames } from '../method/metrics.ts';
import type { ReportData } from './data.ts';
import { type Section, table, written } from './text.ts';

/** How each method is called in tables, and which family it belongs to; in the order in which it is shown. */
export const methodNames: Record<string, { title: string; group: string }> = {
  random: { title: 'Random', group: 'trivial' },
  popularity: { title: 'Popularity, in hindsight', group: 'trivial' },
  last_click: { title: 'Last click, embedding', group: 'embedding' },
  mean_signals: { title: 'Mean of all signals', group: 'embedding' },
  cluster_centroids: { title: 'Centroids of 3 groups of signals', group: 'embedding' },
  signals_as_queries: { title: 'Every signal a query', group: 'embedding' },
  key_phrases: { title: "Every signal's key phrase a query", group: 'embedding' },
  key_phrases_equal: { title: 'Newest key phrases, equal number', group: 'embedding' },
  gru4rec: { title: 'GRU4Rec', group: 'trained baseline' },
  sasrec: { title: 'SASRec', group: 'trained baseline' },
  nrhub: { title: 'NRHUB', group: 'trained baseline' },
  pinsage: { title: 'PinSage', group: 'trained baseline' },
  hstu: { title: 'HSTU', group: 'trained baseline' },
  warmstart: { title: 'Teacher before reinforcement learning', group: 'newshound' },
  teacher: { title: 'Teacher, Dr. GRPO', group: 'newshound' },
  undistilled: { title: 'Student, not distilled', group: 'newshound' },
  supervised: { title: 'Student, supervised', group: 'newshound' },
  student: { title: 'Student, on-policy', group: 'newshound' },
  oracle: { title: 'Oracle (knows the interests)', group: 'oracle' },
};

export async function rankingSection({ evaluation }: ReportData): Promise<Section> {
  if (!evaluation) return html``;
  const methods = Object.keys(methodNames).filter((name) => evaluation.ranking[name]);
  const bars: Bar[] = methods.map((name) => ({
    ...evaluation.ranking[name]['recall@10'],
    name: methodNames[name].title,
    group: methodNames[name].group,
  }));
  return html`<h2>Recall of what readers clicked next</h2>
<p>Each method names articles for ${evaluation.readers.toLocaleString('en')} test readers out of the fresh articles of the test period; what they clicked later is the answer. Every method's results are merged by maximum cosine. Intervals: bootstrap over readers, seed ${evaluation.seed}.</p>
${raw(await intervals(bars, 'Recall@10', 'Recall at 10 of every method with its interval'))}
${table(
  ['method', ...rankingMetricNames],
  methods.map((name) => [
    methodNames[name].title,
    ...rankingMetricNames.map((metric) => written(evaluation.ranking[name][metric])),
  ]),
)}
<h3>Trained baselines</h3>
${table(
  ['baseline', 'parameters', 'steps', 'learning rate', 'tried, with Recall@10 of dev readers'],
  Object.entries(evaluation.baselines).map(([name, { parameters, steps, learningRate, tried }]) => [
    methodNames[name].title,
    parameters.toLocaleString('en'),
    steps.toLocaleString('en'),
    String(learningRate),
    tried
      .map(({ learningRate: rate, recall10 }) => `${rate}${recall10 === null ? '' : `: ${recall10.toFixed(3)}`}`)
      .join(', '),
  ]),
)}
<h3>Differences, paired over readers</h3>
${table(
  ['comparison', 'metric', 'difference'],
  evaluation.differences.map(({ what, metric, difference }) => [what, metric, signed(difference)]),
  2,
)}
<h3>Cold readers (${evaluation.cold.readers})</h3>
${table(
  ['method', 'Recall@10'],
  methods
    .filter((name) => evaluation.cold.recall[name])
    .map((name) => [methodNames[name].title, written(evaluation.cold.recall[name])]),
)}
<h3>Gate: ${evaluation.gate.passed ? html`<span class="good">passed</span>` : html`<span class="bad">not passed</span>`}</h3>
<ul>${evaluation.gate.checks.map(({ what, passed, detail }) => html`<li>${passed ? html`<span class="good">passed</span>` : html`<span class="bad">failed</span>`} ${what}: ${detail}</li>`)}</ul>`;
}

function signed(difference: { mean: number; low: number; high: number }): Section {
  const sure = difference.low > 0 ? 'good' : difference.high < 0 ? 'bad' : '';
  return html`<span class="${sure}">${difference.mean > 0 ? '+' : ''}${written(difference)}</span>`;
}

export async function distillationSection({ evaluation }: ReportData): Promise<Section> {
  if (!evaluation) return html``;
  const rows = [
    ['on-policy', evaluation.distillation.on_policy],
    ['supervised on teacher lists', evaluation.distillation.supervised],
    ['none', evaluation.distillation.none],
  ] as const;
  return html`<h2>Distillation</h2>
<p class="soft">The student learns from the teacher's probabilities on lists that the student wrote; beside it one that imitates the teacher's lists, and one that was not distilled.</p>
${table(
  ['distillation', 'Recall@10', 'NDCG@10', 'share of the teacher'],
  rows.map(([name, row]) => [name, written(row.recall10), written(row.ndcg10), written(row.shareOfTeacher, 2)]),
)}`;
}

export async function scalingSection({ sweep }: ReportData): Promise<Section> {
  if (!sweep) return html``;
  const capacity = sweep.capacity.map((arm) => ({
    ...arm.recall10,
    x: arm.parameters,
    name: arm.model,
    group: 'Recall@10',
  }));
  const best = sweep.bestOf.map((arm) => ({ ...arm.recall10, x: arm.n, name: String(arm.n), group: 'Recall@10' }));
  return html`<h2>Scaling</h2>
<p class="soft">Measured on ${sweep.readers} dev readers.</p>
<h3>With the size of the model</h3>
${capacity.length > 1 ? raw(await scaling(capacity, { x: 'parameters', y: 'Recall@10' }, 'Recall against model size')) : ''}
${table(
  ['model', 'parameters', 'reward', 'Recall@10', 'NDCG@10', 'seconds'],
  sweep.capacity.map((arm) => [
    arm.model,
    arm.parameters.toLocaleString('en'),
    arm.reward.toFixed(3),
    written(arm.recall10),
    written(arm.ndcg10),
    arm.seconds.toFixed(0),
  ]),
)}
<h3>With the number of lists to choose from</h3>
${best.length > 1 ? raw(await scaling(best, { x: 'N, best by composite reward', y: 'Recall@10' }, 'Recall against best of N')) : ''}
${table(
  ['N', 'reward', 'Recall@10', 'NDCG@10'],
  sweep.bestOf.map((arm) => [String(arm.n), arm.reward.toFixed(3), written(arm.recall10), written(arm.ndcg10)]),
)}
${sweep.fits.map(({ what, formula, exponent }) => html`<p class="soft">${what}: ${formula}, exponent ${written(exponent)}.</p>`)}
${sweep.notRun.map(({ model, why }) => html`<p class="soft">${model} was not run: ${why}.</p>`)}`;
}
