/** The page's plots as SVG files. */
import { type Bar, intervals, scaling } from '../plots.ts';
import type { CurvePoint, PaperFigures, TableName } from './figures.ts';

export interface PaperPlot {
  table: TableName;
  file: string;
  label: string;
  svg: string;
}

/** A grey that reads on white and on black: a file cannot take its page's colour. */
const INK = '#7a8793';

/** One plot for each table that has rows; curves for sizes and for N. */
export async function paperPlots({ results }: PaperFigures): Promise<PaperPlot[]> {
  const plots: PaperPlot[] = [];
  const add = async (table: TableName, label: string, drawn: Promise<string>): Promise<void> => {
    plots.push({ table, file: `${table}.svg`, label, svg: asFile(await drawn) });
  };
  for (const name of ['main', 'distillation', 'rewards', 'cleaning', 'products'] as const) {
    const rows = results.tables[name];
    if (rows.length < 2) continue;
    const bars: Bar[] = rows.map(({ title, metrics }) => ({
      ...metrics['recall@10'],
      name: title,
      group: 'Recall@10',
    }));
    const label = `Recall@10, table ${name}`;
    await add(name, label, intervals(bars, 'Recall@10', label));
  }
  const curve = async (
    table: 'capacity' | 'best_of',
    points: readonly CurvePoint[],
    x: string,
    label: string,
    fitted?: (x: number) => number,
  ): Promise<void> => {
    if (points.length < 2) return;
    const marked = points.map((point) => ({ ...point, group: 'Recall@10' }));
    await add(table, label, scaling(marked, { x, y: 'Recall@10' }, label, fitted));
  };
  const { law } = results.capacity;
  const { saturation } = results.bestOf;
  await curve(
    'capacity',
    results.capacity.points,
    'parameters',
    'Recall@10 by size of the model',
    law ? (x) => law.coefficient * x ** law.exponent.mean : undefined,
  );
  await curve(
    'best_of',
    results.bestOf.points,
    'N, best by reward',
    'Recall@10 by N',
    saturation ? (x) => saturation.ceiling.mean - saturation.gap * x ** -saturation.rate.mean : undefined,
  );
  return plots;
}

function asFile(svg: string): string {
  return svg
    .replace('<svg', `<svg color="${INK}"`)
    .replace(/ style="max-width:(\d+(?:\.\d+)?)px" width="100%"/, ' width="$1"');
}
