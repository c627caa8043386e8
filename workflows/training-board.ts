/** What an operator sees of a training run: how far it is and its figures, in the UI's current details and by query. */
import { defineQuery, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { Metrics } from './activities.ts';

/** What a stage that runs as a workflow answers to `progress`. */
export interface StageProgress {
  fraction: number;
  headline: string;
  metrics: Metrics;
}

export const stageProgress = defineQuery<StageProgress>('progress');

export interface TrainingBoard {
  show(fraction: number, headline: string, metrics?: Metrics): void;
  note(text: string): void;
}

export function openTrainingBoard(headline: string): TrainingBoard {
  let progress: StageProgress = { fraction: 0, headline, metrics: {} };
  let note = '';
  const show = (): void => setCurrentDetails(markdown(progress, note));
  setHandler(stageProgress, () => progress);
  show();
  return {
    show: (fraction, text, metrics = {}) => {
      progress = { fraction, headline: text, metrics: { ...progress.metrics, ...metrics } };
      show();
    },
    note: (text) => {
      note = text;
      show();
    },
  };
}

function markdown({ fraction, headline, metrics }: StageProgress, note: string): string {
  const figures = Object.entries(metrics).map(([name, value]) => `| ${name.replaceAll('_', ' ')} | ${figure(value)} |`);
  return [
    ...(note === '' ? [] : [`**${note}**`, '']),
    `${headline} (${Math.round(100 * fraction)} %)`,
    ...(figures.length === 0 ? [] : ['', '| figure | last value |', '| --- | --- |', ...figures]),
  ].join('\n');
}

/** Of nothing that was measured, null: JSON has no NaN. */
function figure(value: number | null): string {
  if (value === null) return '–';
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}
