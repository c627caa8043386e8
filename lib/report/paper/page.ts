/** docs/paper.md: every claim of the paper beside what was measured, from the figures of one run. */
import { rankingMetricNames } from '../../method/metrics.ts';
import { duration, written } from '../text.ts';
import type { PaperFigures, TableName, TableRow } from './figures.ts';
import type { PaperPlot } from './plots.ts';
import { compareRates, rateClaim, rateSection } from './rate.ts';
import { allRewards } from './tables.ts';

const titles: Record<TableName, { title: string; words: string }> = {
  main: {
    title: 'Main table',
    words: 'Every method ranks the fresh articles for the same test readers; what they clicked next is the answer.',
  },
  distillation: { title: 'Distillation', words: 'The same student by how it learnt from the teacher.' },
  rewards: { title: 'Rewards', words: 'The teacher trained with all five rewards, and without one of them.' },
  capacity: { title: 'Size of the model', words: 'The teacher from base models of other sizes, trained alike.' },
  best_of: {
    title: 'Best of N lists',
    words: 'Of N lists of the teacher the one of the highest reward; the first N of the same lists.',
  },
  cleaning: {
    title: 'Cleaning',
    words: 'The teacher trained and asked with cleaned signals, and with signals as they came.',
  },
  products: {
    title: 'Signals of several products',
    words: 'The teacher trained and asked with signals of some products only.',
  },
};

/** The page as Markdown. `folder`: where the plots are, seen from the page. */
export function renderPaperPage(figures: PaperFigures, plots: readonly PaperPlot[], folder: string): string {
  const { results, record } = figures;
  const sections = [
    introduction(figures),
    claimsSection(figures),
    groundSection(figures),
    leftOut(figures),
    ...(Object.keys(titles) as TableName[]).flatMap((name) =>
      // A comparison of one says nothing.
      results.tables[name].length < 2
        ? []
        : [tableSection(name, results.tables[name]), fitSection(name, figures), plotsOf(name, plots, folder)],
    ),
    cleaningSection(figures),
    rateSection(record.rates),
    abTestSection(figures),
    statistics,
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

function introduction({ digest, results, record }: PaperFigures): string {
  const seeds = [...new Set(results.lanes.map(({ seed }) => seed))];
  const worlds = [...new Set(results.lanes.map(({ world }) => world))].filter((world) => world !== null);
  const data =
    worlds.length === 0
      ? `source ${results.source}`
      : `generated ${worlds.length === 1 ? 'world' : 'worlds'} ${worlds.join(' and ')}`;
  return `# The paper's claims, tested

What [arXiv 2602.15005](https://arxiv.org/abs/2602.15005) reports, beside what this code measures. The paper's models have 32 and 0.5 thousand million parameters and read a
portal's logs; ours are small and read ${worlds.length === 0 ? 'a folder of logs' : 'generated worlds'}: compare directions, not heights. Made by \`newshound paper\`; do not edit.

Profile ${record.profile}, ${data}, ${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}; ${duration(record.seconds)} of work of ${record.hours} hours allowed. Run \`${record.run}\`, plan \`${record.plan.slice(0, 12)}\`,
results \`${digest.slice(0, 12)}\`.${changedCode(record)}${record.set.length === 0 ? '' : `\nSet otherwise than in the profile: ${record.set.map((word) => `\`${word}\``).join(', ')}.`} Brackets are 95 % intervals${seeds.length === 1 ? '. **One seed was run: brackets of the tables are over its readers alone, and no claim can be told from luck of the seed**' : ' over seeds and readers'}.${worlds.length === 0 ? '\nThe readers of the tables chose no setting: those are the profile’s, and training looked at the last share of the train period only (`source.devShare`).' : ''}`;
}

/** A run that is gone on with after the code was changed mixes two methods: that is said first. */
function changedCode({ code }: PaperFigures['record']): string {
  const changed = Object.entries(code).filter(([, digests]) => digests.length > 1);
  if (changed.length === 0) return '';
  const stages = changed.map(([stage, digests]) => `${stage} (${digests.length})`).join(', ');
  return ` **The code changed while arms ran: versions of the stages ${stages}.**`;
}

function claimsSection({ results: { claims, abTest }, record }: PaperFigures): string {
  const rows = claims.map(({ words, paper, ours, other, difference, p, seeds, readers, verdict }) => [
    words,
    paper,
    ours === null || other === null ? '' : `${shownRecall(ours)} v ${shownRecall(other)}`,
    difference === null ? '' : written(difference),
    p === null ? '' : shown(p),
    readers === 0 ? '' : `${many(readers, 'reader')} × ${many(seeds, 'seed')}`,
    `**${verdict}**`,
  ]);
  const rate = compareRates(record.rates);
  const elsewhere = [
    rate === null
      ? [rateClaim, '33 at 64', '', '', '', '', '**not measured**']
      : [
          rateClaim,
          '33 at 64',
          `${rate.ratio.mean.toFixed(2)} at ${rate.sizes.toFixed(2)}`,
          '',
          '',
          many(rate.turns, 'turn'),
          `**${rate.verdict}**`,
        ],
    ...abTest.map(({ words, paper, change, readers, verdict }) => [
      `A/B test: ${words}`,
      paper,
      change === null ? '' : percent(change.relative.mean),
      change === null ? '' : `[${percent(change.relative.low)}, ${percent(change.relative.high)}]`,
      change === null ? '' : shown(change.p),
      change === null ? '' : many(readers.treatment + readers.control, 'reader'),
      `**${verdict}**`,
    ]),
  ];
  const details = claims.map(
    ({ words, reason, standardised }) =>
      `- ${words}: ${reason}${standardised === null ? '' : `; effect ${standardised.toFixed(3)} standard deviations of a reader`}.`,
  );
  return `## Claims

Recall@10, reader by reader; serving rate and A/B test have sections of their own below. p is two-sided, after Holm over all claims that were measured.

${table(['claim', 'the paper', 'ours', 'difference', 'p', 'n', 'verdict'], [...rows, ...elsewhere])}

<details><summary>Each verdict with its figures</summary>

${details.join('\n')}

</details>`;
}

/** What a reader of the claims has to know of where they were measured. */
function groundSection({ results: { lanes } }: PaperFigures): string {
  if (lanes.every(({ world }) => world === null)) return '';
  return `## What it is measured on

Worlds made by a generator (\`docs/world.md\`), and base models that were pretrained on others of its worlds (\`docs/experiments.md\`, "Base models"). Two things to bear in mind:

- The base models know the generator's names and ways of asking, all but the newcomers'; the baselines learn from the run's clicks alone. A gain over them says as much about that knowledge as about the method.
- Their pretraining ends on lists of every quality: they can write a good list, and mostly do not. How much reinforcement learning gains over its start is a property of that start.`;
}

function leftOut({ record: { shrunk, notRun, impossible, notAsked } }: PaperFigures): string {
  const lines = [
    ...shrunk.map((what) => `To keep the hours: ${what}.`),
    ...impossible.map((arm) => `This source cannot be asked: arm ${arm}.`),
    ...(notAsked.length === 0 ? [] : [`Not asked for (\`paper.arms\`): ${notAsked.join(', ')}.`]),
    ...notRun.map(({ name, why }) => `Arm ${name} was not run: ${why}.`),
  ];
  return `## What was left out\n\n${lines.length === 0 ? 'Nothing: every arm was run with every seed.' : lines.map((line) => `- ${line}`).join('\n')}`;
}

function tableSection(name: TableName, rows: readonly TableRow[]): string {
  const metrics = name === 'main' ? rankingMetricNames : (['recall@10', 'ndcg@10'] as const);
  const cells = rows.map(({ title, paper, metrics: of }) => [
    title,
    ...metrics.flatMap((metric) => [paper[metric]?.toFixed(3) ?? '', written(of[metric])]),
  ]);
  const head = metrics.flatMap((metric) => [`${metric}, paper`, 'ours']);
  const { title, words } = titles[name];
  const least = Math.min(...rows.map(({ readers }) => readers));
  const most = Math.max(...rows.map(({ readers }) => readers));
  const n = least === most ? many(most, 'reader') : `${least.toLocaleString('en')} to ${many(most, 'reader')}`;
  return `## ${title}\n\n${words} ${n}, ${many(Math.min(...rows.map(({ seeds }) => seeds)), 'seed')} at least.\n\n${table(['', ...head], cells)}`;
}

/** What stands below a table: the order of the falls, the fitted curves. */
function fitSection(name: TableName, { results: { tables, capacity, bestOf } }: PaperFigures): string {
  if (name === 'rewards') return orderOfFalls(tables.rewards);
  if (name === 'capacity' && capacity.law !== null) {
    const { formula, exponent, p, largest } = capacity.law;
    return `Power law: ${formula}, exponent ${written(exponent)}, p ${shown(p)}. From the other sizes the largest is predicted at ${written(largest.predicted)}; measured is ${shownRecall(largest.measured)}, ${largest.isAsPredicted ? 'as predicted' : 'not as predicted'}.`;
  }
  if (name === 'best_of' && bestOf.saturation !== null) {
    const { formula, ceiling, rate } = bestOf.saturation;
    return `Fitted: ${formula}; ceiling ${written(ceiling)}, rate ${written(rate, 2)} (resampled readers).`;
  }
  return '';
}

function orderOfFalls([all, ...others]: readonly TableRow[]): string {
  if (all.title !== allRewards) return '';
  const fall = ({ metrics }: TableRow): number => all.metrics['recall@10'].mean - metrics['recall@10'].mean;
  const falls = others.toSorted((a, b) => fall(b) - fall(a));
  const said = falls.map((row) => `${row.title.toLowerCase()} ${shownRecall(fall(row))}`);
  return `Recall@10 falls, the most first: ${said.join(', ')}. The paper's order: coverage .156, alignment .109, diversity .092, structure .078, specificity .075.`;
}

function plotsOf(name: TableName, plots: readonly PaperPlot[], folder: string): string {
  return plots
    .filter((plot) => plot.table === name)
    .map(({ file, label }) => `![${label}](${folder}/${file})`)
    .join('\n');
}

function cleaningSection({ results: { cleaning } }: PaperFigures): string {
  if (cleaning.length === 0) return '';
  const rows = cleaning.map(({ world, seed, facts }) => [
    world === 0 ? '' : String(world),
    String(seed),
    ...['precision', 'recall', 'dropped_share'].map((fact) => {
      const value = facts[fact];
      return typeof value === 'number' ? value.toFixed(3) : 'unknown';
    }),
  ]);
  return `### The cleaner\n\nPrecision and recall of dropping noise, on signals of test readers, and the share of signals that it drops.\n\n${table(['world', 'seed', 'precision', 'recall', 'dropped'], rows)}`;
}

function abTestSection({ results: { abTest } }: PaperFigures): string {
  const rows = abTest.flatMap(({ words, paper, change, readers, verdict }) => {
    if (change === null) return [];
    const { relative, p, alwaysValidP, detectable } = change;
    return [
      [
        words,
        paper,
        `${percent(relative.mean)} [${percent(relative.low)}, ${percent(relative.high)}]`,
        shown(p),
        shown(alwaysValidP),
        percent(detectable),
        `${readers.treatment.toLocaleString('en')} v ${readers.control.toLocaleString('en')}`,
        `**${verdict}**`,
      ],
    ];
  });
  if (rows.length === 0) return '';
  return `## A/B test

The student's queries as an added recall path, against a portal without them; simulated readers of the world, one test a lane, taken together by precision. p after Holm over
the metrics, at the planned end; the always-valid p holds for those who looked every day; detectable is the change that is found four times out of five at this n.

${table(['claim', 'the paper', 'change', 'p', 'always-valid p', 'detectable', 'readers treated v control', 'verdict'], rows)}`;
}

const statistics = `## How it is counted

Seeds and readers are both drawn from populations that a claim is about, so an interval has both: the two-way analysis of variance of \`lib/method/hierarchy.ts\` (docs/statistics.md), each world counting the same. A
verdict is "holds" where the difference is above zero after Holm's adjustment over the claims that were measured, "does not hold" where it is below, and else "cannot be told at this n". The claims and what
each compares are in \`lib/report/paper/claims.ts\`, the arms in \`pipelines.yaml\`.`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function shownRecall(value: number): string {
  return value.toFixed(3);
}

function percent(change: number): string {
  return `${change > 0 ? '+' : ''}${(100 * change).toFixed(2)} %`;
}

function shown(p: number): string {
  return p < 0.001 ? '< .001' : p.toFixed(3);
}

function many(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}
