/** Each claim beside what was measured, with its verdict. */
import type { Interval } from '../../method/bootstrap.ts';
import { written } from '../text.ts';
import type { ClaimResult, PaperFigures } from './figures.ts';
import { many, percent, shown, shownRecall, table } from './markdown.ts';
import { compareRates, rateClaim } from './rate.ts';

export function claimsSection({ results: { claims, abTest }, record }: PaperFigures): string {
  const rows = claims.map((claim) => {
    const { words, paper, ours, other, share, difference, p, seeds, readers } = claim;
    return [
      words,
      paper,
      ours === null || other === null
        ? ''
        : `${shownRecall(ours)} v ${shownRecall(other)}${share === null ? '' : ` (${shareOf(share)})`}`,
      difference === null ? '' : written(difference),
      p === null ? '' : shown(p),
      readers === 0 ? '' : `${many(readers, 'reader')} × ${many(seeds, 'seed')}`,
      `**${claim.verdict}**${besideVerdict(claim)}`,
    ];
  });
  const rate = compareRates(record.rates);
  const elsewhere = [
    rate === null
      ? [rateClaim, '33 at 64', '', '', '', '', '**not measured**']
      : [
          rateClaim,
          '33 at 64',
          `${rate.ratio.mean.toFixed(2)} at ${rate.sizes.toFixed(2)}`,
          `at least ${rate.least.toFixed(2)} is asked for`,
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
      change === null
        ? ''
        : `${many(readers.lanes, 'test')} of ${many(Math.round((readers.treatment + readers.control) / readers.lanes), 'reader')}`,
      `**${verdict}**`,
    ]),
  ];
  const details = claims.map(
    ({ words, reason, standardised, worlds }) =>
      `- ${words}: ${reason}${standardised === null ? '' : `; effect ${standardised.toFixed(3)} standard deviations of a reader`}${worlds.length < 2 ? '' : `; by world ${worlds.map(({ world, difference }) => `${world}: ${difference.toFixed(4)}`).join(', ')}`}.`,
  );
  return `## Claims

Recall@10, reader by reader; serving rate and A/B test have sections of their own below. p is two-sided, after Holm over all claims of Recall@10 that were measured (the A/B test's three: over themselves). Where the paper has
figures, a claim means a quarter of the paper's relative difference at least: significantly less "does not hold". "Holds" says above zero; where the figure itself is less than that quarter, it is said.

${table(['claim', 'the paper', 'ours', 'difference', 'p', 'n', 'verdict'], [...rows, ...elsewhere])}

<details><summary>Each verdict with its figures</summary>

${details.join('\n')}

</details>`;
}

/** What has to be said in one breath with a verdict. */
function besideVerdict({ verdict, difference, least, worlds }: ClaimResult): string {
  const notes: string[] = [];
  if (verdict === 'holds' && difference !== null && least !== null && difference.mean < least)
    notes.push(`less than the quarter, ${least.toFixed(3)}`);
  if (worlds.some((one) => one.difference > 0) && worlds.some((one) => one.difference < 0))
    notes.push('the worlds disagree');
  return notes.length === 0 ? '' : ` (${notes.join('; ')})`;
}

function shareOf({ mean, low, high }: Interval): string {
  if (![low, high].every(Number.isFinite)) return `${(100 * mean).toFixed(1)} %`;
  const [share, least, most] = [mean, low, high].map((value) => (100 * value).toFixed(1));
  return `${share} % [${least}, ${most}]`;
}
