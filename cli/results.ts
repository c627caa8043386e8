/** The results of a run as the terminal shows them at its end. */
import { colors as pc } from './colors.ts';
import type { Interval } from '../lib/method/bootstrap.ts';
import type { ReportData } from '../lib/report/data.ts';
import { methodNames } from '../lib/report/results.ts';
import { experimentLine, percent, written } from '../lib/report/text.ts';
import { formatTable } from './table.ts';

/** A short table of methods, then a line each for rewards, distillation, A/B test. Empty for a run that evaluated nothing. */
export function resultLines({ evaluation, experiment }: ReportData): string[] {
  const lines: string[] = [];
  if (evaluation !== null) {
    const methods = Object.keys(methodNames).filter((name) => evaluation.ranking[name] !== undefined);
    const rows = methods.map((name) => {
      const metrics = evaluation.ranking[name] as Record<string, Interval>;
      const cells = ['recall@10', 'ndcg@10', 'mrr'].map((metric) => written(metrics[metric] as Interval));
      const row = [methodNames[name]?.title ?? name, ...cells];
      return name === 'student' || name === 'teacher' ? row.map((cell) => pc.bold(cell)) : row;
    });
    const right = (title: string) => ({ title, align: 'right' as const });
    lines.push(
      formatTable(
        [
          { title: `${evaluation.readers} test readers`, align: 'left' },
          right('Recall@10'),
          right('NDCG@10'),
          right('MRR'),
        ],
        rows,
      ),
    );
    const { warmstart, teacher } = evaluation.rewards;
    const kept = evaluation.distillation.on_policy.shareOfTeacher;
    lines.push(
      '',
      `reward       ${warmstart.total.toFixed(3)} before reinforcement learning → ${teacher.total.toFixed(3)} teacher`,
    );
    lines.push(
      `student      keeps ${percent(kept.mean)} of the teacher's Recall@10 [${percent(kept.low)}, ${percent(kept.high)}]`,
    );
    lines.push(`gate         ${evaluation.gate.passed ? pc.green('passed') : pc.yellow('held')}`);
  }
  if (experiment !== null) lines.push(`A/B test     ${experimentLine(experiment)}`);
  return lines;
}
