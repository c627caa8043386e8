/** Plots as SVG text, drawn on the server by Vega-Lite. Text and axes take the page's colour, so one picture serves light and dark. */
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** Colours that read on white and on near-black. */
export const palette = ['#3b82c4', '#d9822b', '#3f9d5b', '#b65fc0', '#c9485b', '#7a8793'];

const INK = '#010203';

/** Draws a Vega-Lite specification. `label` is what a screen reader says. Same specification, same bytes. */
export async function draw(specification: object, label: string): Promise<string> {
  const spec = {
    width: 560,
    height: 260,
    background: 'transparent',
    padding: 6,
    config: {
      font: 'system-ui, sans-serif',
      view: { stroke: null },
      axis: {
        labelColor: INK,
        titleColor: INK,
        tickColor: INK,
        domainColor: INK,
        gridColor: INK,
        gridOpacity: 0.12,
        labelFontSize: 12,
        titleFontSize: 12,
        titleFontWeight: 'normal',
        labelLimit: 260,
      },
      legend: {
        labelColor: INK,
        titleColor: INK,
        labelFontSize: 12,
        labelLimit: 400,
        orient: 'bottom',
        title: null,
        columns: 4,
        symbolStrokeWidth: 3,
      },
      header: { labelColor: INK, titleColor: INK },
      text: { color: INK },
      rule: { color: INK },
      range: { category: palette },
    },
    ...specification,
  } as unknown as TopLevelSpec;
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return svg
    .replaceAll(INK, 'currentColor')
    .replace(
      /<svg([^>]*?) width="(\d+(?:\.\d+)?)" height="(\d+(?:\.\d+)?)"/,
      '<svg$1 style="max-width:$2px" width="100%"',
    )
    .replace('<svg', `<svg role="img" aria-label="${label.replaceAll('"', '&quot;').replaceAll('<', '&lt;')}"`);
}

export interface CurvePoint {
  x: number;
  y: number;
  series: string;
}

/** Lines over training rounds or days, one colour a series. */
export function curves(points: readonly CurvePoint[], axes: { x: string; y: string }, label: string): Promise<string> {
  const sparse = points.length < 60;
  return draw(
    {
      data: { values: points },
      mark: { type: 'line', strokeWidth: 2, point: sparse ? { size: 28 } : false },
      encoding: {
        x: { field: 'x', type: 'quantitative', title: axes.x, axis: { tickMinStep: 1, grid: false } },
        y: { field: 'y', type: 'quantitative', title: axes.y, scale: { zero: false } },
        color: { field: 'series', type: 'nominal', sort: null },
      },
    },
    label,
  );
}

export interface Bar {
  name: string;
  mean: number;
  low: number;
  high: number;
  group: string;
}

/** One dot with its 95 % interval a row: for comparing methods. */
export function intervals(bars: readonly Bar[], axis: string, label: string): Promise<string> {
  const y = { field: 'name', type: 'nominal', sort: null, title: null, axis: { labelLimit: 480 } };
  const color = { field: 'group', type: 'nominal', sort: null };
  return draw(
    {
      height: { step: 24 },
      data: { values: bars },
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 2 },
          encoding: {
            y,
            color,
            x: { field: 'low', type: 'quantitative', title: axis, scale: { zero: true } },
            x2: { field: 'high' },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 70, opacity: 1 },
          encoding: { y, color, x: { field: 'mean', type: 'quantitative' } },
        },
      ],
    },
    label,
  );
}

/** Means with intervals against a size or a number of samples, on a logarithmic axis; dashed: the curve that was fitted to them, if one was. */
export function scaling(
  points: readonly (Bar & { x: number })[],
  axes: { x: string; y: string },
  label: string,
  fitted?: (x: number) => number,
): Promise<string> {
  const x = {
    field: 'x',
    type: 'quantitative',
    title: axes.x,
    scale: { type: 'log', nice: false, padding: 16 },
    axis: { values: [...new Set(points.map((point) => point.x))], format: '.3~s', grid: false },
  };
  const color = { field: 'group', type: 'nominal', sort: null };
  return draw(
    {
      data: { values: points },
      layer: [
        {
          mark: { type: 'line', strokeWidth: 1.5 },
          encoding: { x, color, y: { field: 'mean', type: 'quantitative', title: axes.y, scale: { zero: false } } },
        },
        ...(fitted
          ? [
              {
                data: { values: between(points).map((at) => ({ x: at, y: fitted(at) })) },
                mark: { type: 'line' as const, strokeWidth: 1, strokeDash: [4, 3], color: '#7a8793' },
                encoding: { x, y: { field: 'y', type: 'quantitative' as const } },
              },
            ]
          : []),
        {
          mark: { type: 'rule', strokeWidth: 1.5 },
          encoding: { x, color, y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' } },
        },
        {
          mark: { type: 'point', filled: true, size: 70, opacity: 1 },
          encoding: { x, color, y: { field: 'mean', type: 'quantitative' } },
        },
      ],
    },
    label,
  );
}

/** Abscissas of a curve over the points, evenly spread on a logarithmic axis. */
function between(points: readonly { x: number }[]): number[] {
  const [low, high] = [Math.min, Math.max].map((extreme) => Math.log(extreme(...points.map(({ x }) => x))));
  return Array.from({ length: 41 }, (_, i) => Math.exp(low + ((high - low) * i) / 40));
}
