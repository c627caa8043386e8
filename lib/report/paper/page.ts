/** docs/paper.md: every claim of the paper beside what was measured, from the figures of one run. */
import { rankingMetricNames } from '../../method/metrics.ts';
import type { Json } from '../../pipeline/stages.ts';
import { asPlainMarkdown } from '../model-card.ts';
import { duration, written } from '../text.ts';
import { claimsSection } from './claims-section.ts';
import { exploredWorlds } from './claims.ts';
import type { ClaimResult, PaperFigures, TableName, TableRow } from './figures.ts';
import { many, percent, shown, shownRecall, table } from './markdown.ts';
import type { PaperPlot } from './plots.ts';
import { rateSection } from './rate.ts';

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
    words:
      'The teacher trained and asked with cleaned signals, and with signals as they came but for personal data, which is always masked.',
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

/** A log's size, in a sentence for each lane that has another; a generated world is as large as it was asked to be. */
function dataLines({ source, data }: PaperFigures['results']): string[] {
  if (source === 'world') return [];
  const lines = data.map(({ facts }) => {
    const { readers, pool, without_clicks, notes } = facts as unknown as ExtractFacts;
    const sizes = Object.entries(readers).map(
      ([split, count]) => `${split} ${many(count, 'reader')} and ${many(pool[split], 'fresh article')}`,
    );
    const sum = Object.values(readers).reduce((total, count) => total + count, 0);
    return `The log: ${sizes.join('; ')}. Of ${many(sum + without_clicks, 'reader')} of all splits ${without_clicks.toLocaleString('en')} clicked nothing fresh: they teach and judge nothing.${notes.map((note) => ` **${note[0].toUpperCase()}${note.slice(1)}.**`).join('')}`;
  });
  return [...new Set(lines)];
}

interface ExtractFacts {
  readers: Record<string, number>;
  pool: Record<string, number>;
  without_clicks: number;
  notes: string[];
}

/** What a reader of the claims has to know of how and where they were measured. */
function groundSection({ results }: PaperFigures): string {
  const { lanes } = results;
  const worlds = [...new Set(lanes.map(({ world }) => world))].filter((world) => world !== null);
  const explored = worlds.filter((world) => exploredWorlds.includes(world));
  const ground =
    worlds.length === 0
      ? []
      : [
          "Worlds are made by a generator (`docs/world.md`), and base models were pretrained on others of its worlds (`docs/experiments.md`, \"Base models\"). They know the generator's names and ways of asking, all but the newcomers'; the baselines learn from the run's clicks alone. A gain over them says as much about that knowledge as about the method.",
          'Pretraining ends on lists of every quality: base models can write a good list, and mostly do not. From base models that were taught good lists alone, these rewards did not raise recall (`docs/experiments.md`, "What reinforcement learning adds"), and before that last phase they recall what a teacher does after it (world 77, base-l after *list-3*: .181; teachers from *casual-3*: .173 to .177). So claims against "the model before reinforcement learning" and "none" are about that start, HSTU\'s over it too.',
          'A quarter of the interests show in searches alone, 15 % in pages alone and 15 % in those two: that searches and pages tell what no click shows is how the worlds are made. What the claims about them tell is how much of it the method finds.',
          ...(explored.length === 0
            ? []
            : [
                `**World ${explored.join(' and ')}: not a confirmation.** Their test readers were looked at several times while base models, method and claims were still changed (\`docs/experiments.md\`, "What the pages before said").`,
              ]),
        ];
  const departures = [
    'Coverage and specificity are scored by a rule over an encoder\'s cosines (`lib/method/rubric.ts`), not by a language model, and the encoder is trained in the run. Specificity is paid for queries that serve the reader: one about nobody earns none, with or without the reward for coverage. Paid without that, and without coverage, these models were not seen to write for nobody (`docs/experiments.md`, "A paper run"): the reward hacking that the paper saw needs a policy that can.',
    "Trained baselines begin as the mean of the reader's signals. Where they stand near its row in the main table, the claims about them are nearly one claim.",
    "The model before reinforcement learning stands for the paper's 32B from its prompt alone: ours were pretrained for the task.",
    'One base model was pretrained for each size, at a learning rate of its own: its luck is in no interval, least of all where sizes are compared.',
    'A list that breaks the format keeps the queries that can be read of it and recalls as others do: recall hardly shows what structure is worth to whoever must read the lists.',
    'Key phrases at the number of queries of the teacher are the newest ones. A better choice among them would be a stronger comparison.',
  ];
  return `## What it is measured on, and where it departs from the paper

${[...dataLines(results), ...ground, ...departures].map((line) => `- ${line}`).join('\n')}`;
}

function leftOut({ record: { shrunk, notRun, impossible, notAsked } }: PaperFigures): string {
  const lines = [
    ...shrunk.map((what) => `To keep the hours: ${what}.`),
    ...impossible.map((arm) => `This source cannot be asked: arm ${arm}.`),
    ...(notAsked.length === 0 ? [] : [`Not asked for (\`paper.arms\`): ${notAsked.join(', ')}.`]),
    ...notRun.map(({ name, why }) => `Arm ${name} was not run: ${asPlainMarkdown(why)}.`),
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
function fitSection(name: TableName, { results: { claims, capacity, bestOf } }: PaperFigures): string {
  if (name === 'rewards') return orderOfFalls(claims);
  if (name === 'capacity' && capacity.law !== null) {
    const { formula, exponent, p, largest } = capacity.law;
    return `Power law: ${formula}, exponent ${written(exponent)}, p ${shown(p)} (of this alone, not after Holm). From the other sizes the largest is predicted at ${written(largest.predicted, 4)}; measured is ${largest.measured.toFixed(4)}, ${largest.isAsPredicted === null ? 'which of one seed says nothing' : largest.isAsPredicted ? 'as predicted' : 'not as predicted'}.

The paper's, read off its figure: 0.5B .187, 1.5B .193, 3B .194, 7B .201, 14B .238, 32B .257 (in its main table 32B has .271). Fitted alike, exponent .078; its largest, predicted at .234, lies above the law.`;
  }
  if (name === 'best_of' && bestOf.saturation !== null) {
    const { formula, ceiling, rate } = bestOf.saturation;
    return `Fitted: ${formula}; ceiling ${written(ceiling)}, rate ${written(rate, 2)} (resampled readers).`;
  }
  return '';
}

/** By the claims, which compare lane by lane: rows of the table may be of other lanes. */
function orderOfFalls(claims: readonly ClaimResult[]): string {
  const falls = claims.flatMap(({ id, words, difference }) =>
    id.startsWith('needs_') && difference !== null
      ? [{ words: words.replace(/ recall falls$/, ''), by: difference.mean }]
      : [],
  );
  if (falls.length === 0) return '';
  const said = falls
    .toSorted((one, next) => next.by - one.by)
    .map(({ words, by }) => `${words.toLowerCase()} ${shownRecall(by)}`);
  return `Recall@10 falls, the most first: ${said.join(', ')}. Which of them differ from none is said under Claims. The paper's order: coverage .156, alignment .109, diversity .092, structure .078, specificity .075.`;
}

function plotsOf(name: TableName, plots: readonly PaperPlot[], folder: string): string {
  return plots
    .filter((plot) => plot.table === name)
    .map(({ file, label }) => `![${label}](${folder}/${file})`)
    .join('\n');
}

function cleaningSection({ results: { cleaning } }: PaperFigures): string {
  if (cleaning.length === 0) return '';
  const written = (value: Json | undefined): string => (typeof value === 'number' ? value.toFixed(3) : 'unknown');
  const rows = cleaning.map(({ world, seed, facts }) => {
    const unseen = (facts.unseen_texts ?? {}) as Record<string, Json>;
    return [
      world === 0 ? '' : String(world),
      String(seed),
      ...[facts.precision, facts.recall, unseen.precision, unseen.recall, facts.dropped_share].map(written),
    ];
  });
  return `### The cleaner\n\nPrecision and recall of dropping noise, on signals of test readers, of those whose text training had not, and the share of signals that it drops.\n\n${table(['world', 'seed', 'precision', 'recall', 'precision, unseen texts', 'recall, unseen texts', 'dropped'], rows)}`;
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
  const [{ readers: together }] = abTest;
  const broken =
    together.broken === 0 ? '' : ` **${many(together.broken, 'lane')} left out: the split was not as planned.**`;
  return `## A/B test

The student's queries as an added recall path, against a portal that recalls what readers of both arms clicked on the days before (then what is newest in the categories clicked before the test) and what is like the reader's last click: any path that knows the reader's interests would raise its click-through rate, and ours says little
about a portal that has one. ${many(together.lanes, 'test')}, one a lane, of ${many(Math.round((together.control + together.treatment) / together.lanes), 'simulated reader')} each (lanes of a world have the same readers, split anew), taken together by precision: intervals are over readers, for these
students, not over seeds. Readers enter as the test ramps up: by default a tenth of them for all seven days, half for the last four, all for the last two. That readers come back more after a click is how they are simulated. p after Holm over
the metrics, at the planned end; the always-valid p holds for those who looked every day, at one metric alone; detectable is the change that is found four times out of five at this n.${broken}

${table(['claim', 'the paper', 'change', 'p', 'always-valid p', 'detectable', 'readers treated v control', 'verdict'], rows)}`;
}

const statistics = `## How it is counted

Seeds and readers are both drawn from populations that a claim is about, so an interval has both; worlds are the ones that were measured, and how others would differ is in no interval: the two-way analysis of variance of \`lib/method/hierarchy.ts\` (docs/statistics.md), each world counting the same. A
verdict is "holds" where the difference is above zero after Holm's adjustment over the claims that were measured, "does not hold" where it is below, or below the least that is claimed, and else "cannot be told at this n". The claims and what
each compares are in \`lib/report/paper/claims.ts\`, the arms in \`pipelines.yaml\`.`;
