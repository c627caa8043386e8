/** out/report/index.html: one self-contained page. Everything a reader, a source or a model wrote is escaped by the `html` template. */
import { html, raw } from 'hono/html';
import type { ReportData } from './data.ts';
import { distillationSection, rankingSection, scalingSection } from './results.ts';
import { cleaningSection, examplesSection, experimentSection, stagesSection } from './run.ts';
import { styleSheet } from './style.ts';
import { duration, percent, type Section } from './text.ts';
import { trainingSection } from './training.ts';

/** The whole page as UTF-8 text. Sections whose stage did not run are left out. */
export async function renderPage(data: ReportData): Promise<string> {
  const sections = await Promise.all([
    rankingSection(data),
    trainingSection(data),
    distillationSection(data),
    scalingSection(data),
    experimentSection(data),
    cleaningSection(data),
    examplesSection(data),
    stagesSection(data),
  ]);
  const page = await html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>newshound: ${data.profile}, ${data.run}</title><style>${raw(styleSheet)}</style></head>
<body>
<h1>What ${data.evaluation ? `${data.evaluation.readers.toLocaleString('en')} held-out readers` : 'the readers'} needed</h1>
<p class="soft">newshound, pipeline ${data.pipeline}, profile ${data.profile}, source ${data.source}, seed ${data.seed}, run <code>${data.run}</code>. Brackets and bars are 95 % intervals.</p>
${tiles(data)}
${sections}
</body></html>`;
  return page.toString();
}

function tiles({ evaluation, experiment, seconds, peakRssMb, stages }: ReportData): Section {
  const figures: [string, string][] = [];
  if (experiment) figures.push([experiment.outcome.replace('_', ' '), 'outcome of the A/B test']);
  if (evaluation) {
    const { ranking, distillation } = evaluation;
    if (ranking.student) figures.push([ranking.student['recall@10'].mean.toFixed(3), 'student Recall@10']);
    if (ranking.teacher) figures.push([ranking.teacher['recall@10'].mean.toFixed(3), 'teacher Recall@10']);
    figures.push([percent(distillation.on_policy.shareOfTeacher.mean), 'of the teacher kept by the student']);
    figures.push([
      `${evaluation.rewards.warmstart.total.toFixed(2)} → ${evaluation.rewards.teacher.total.toFixed(2)}`,
      'reward, before reinforcement learning → teacher',
    ]);
  }
  figures.push([
    duration(seconds),
    stages.every(({ cached }) => cached) ? 'wall time, every step reused' : 'wall time',
  ]);
  if (peakRssMb > 0) figures.push([`${(peakRssMb / 1024).toFixed(1)} GiB`, 'peak memory, all processes']);
  return html`<div class="tiles">${figures.map(([value, what]) => html`<div class="tile"><b>${value}</b><span>${what}</span></div>`)}</div>`;
}
