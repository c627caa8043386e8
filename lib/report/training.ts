/** How the models learnt: reward beside what must not be hacked, held-out recall and coverage. */
import { html, raw } from 'hono/html';
import { rewardNames } from '../method/rewards.ts';
import type { LogRow } from '../data/rows.ts';
import type { ReportData } from './data.ts';
import { type Section, table } from './text.ts';
import { type CurvePoint, curves } from './plots.ts';

const partNames: Record<string, string> = {
  align: 'alignment',
  cov: 'coverage',
  spec: 'specificity',
  div: 'diversity',
  struct: 'structure',
};

export async function trainingSection({ teacherLog, studentLog }: ReportData): Promise<Section> {
  if (teacherLog.length === 0) return html``;
  const heldOut = series(teacherLog, { heldout_recall10: 'Recall@10', heldout_coverage: 'coverage' });
  const share = rewardNames.map((part) => [partNames[part], ...firstAndLast(teacherLog, `share_${part}`)]);
  return html`<h2>Training the teacher</h2>
<p class="soft">A rising reward alone proves nothing: beside it stand coverage and recall of held-out readers, whom training never sees.</p>
${raw(await curves(series(teacherLog, { reward: 'total reward' }), { x: 'round', y: 'mean reward of the sampled lists' }, 'Total reward by round'))}
${raw(await curves(series(teacherLog, Object.fromEntries(rewardNames.map((part) => [`reward_${part}`, partNames[part]]))), { x: 'round', y: 'reward, by part' }, 'The five rewards by round'))}
${heldOut.length > 0 ? raw(await curves(heldOut, { x: 'round', y: 'held-out readers' }, 'Held-out recall and coverage by round')) : ''}
<h3>Each reward's share of the update</h3>
${table(['reward', 'first round', 'last round'], share)}
<h3>Health</h3>
${table(
  ['metric', 'first round', 'last round'],
  [
    ['queries a list', ...firstAndLast(teacherLog, 'queries')],
    ['tokens a list', ...firstAndLast(teacherLog, 'length')],
    ['share of lists cut at the limit', ...firstAndLast(teacherLog, 'truncated')],
    ['entropy, nats', ...firstAndLast(teacherLog, 'entropy')],
    ['KL to the start, nats a token', ...firstAndLast(teacherLog, 'kl_start')],
    ['ratios clipped', ...firstAndLast(teacherLog, 'clipped')],
    ['gradient norm', ...firstAndLast(teacherLog, 'gradient_norm')],
    ['groups without variance', ...firstAndLast(teacherLog, 'zero_variance')],
    ['tokens a second, update', ...firstAndLast(teacherLog, 'tokens_per_second', 0)],
  ],
)}
${studentLog.length > 0 ? html`<h2>Training the student</h2>${raw(await curves(series(studentLog, { on_policy: 'divergence from the teacher on its own lists', supervised: 'cross-entropy on teacher lists' }), { x: 'step', y: 'loss, nats a token' }, 'Distillation losses by step'))}` : ''}`;
}

function series(log: readonly LogRow[], names: Record<string, string>): CurvePoint[] {
  return log
    .filter((row) => names[row.metric] && Number.isFinite(row.value))
    .map((row) => ({ x: row.round, y: row.value, series: names[row.metric] }));
}

function firstAndLast(log: readonly LogRow[], metric: string, digits = 3): [string, string] {
  const rows = log.filter((row) => row.metric === metric);
  if (rows.length === 0) return ['–', '–'];
  return [rows[0].value.toFixed(digits), rows[rows.length - 1].value.toFixed(digits)];
}
