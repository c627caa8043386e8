/** The statistics against simulations, as a table in Markdown: `node tests/simulations/run.ts [replicates] [seed]`. Exits 1 where a promise is broken. */
import { fixedHorizon, peeking } from './arms.ts';
import { capacity } from './capacity.ts';
import { coverage, largeFamilies, unequalSeeds, verdicts } from './claims.ts';
import { promotions } from './promotions.ts';
import { type Scenario, countEvents, judge } from './simulation.ts';

const [replicates = 20_000, seed = 2026] = process.argv.slice(2).map(Number);
const { ours, ...others } = coverage;

console.log(`Seed ${seed}. Intervals: 95 %, Clopper-Pearson.\n\n| | promised | measured | n |\n|---|---|---|---|`);
const broken = [
  ...table(fixedHorizon, replicates),
  ...table(peeking, replicates),
  ...table(promotions, Math.ceil(replicates / 40)),
  ...table(ours, replicates),
  ...table(verdicts, Math.ceil(replicates / 10)),
  ...table(capacity, Math.ceil(replicates / 20)),
];
table([...largeFamilies, ...unequalSeeds, ...Object.values(others).flat()], Math.ceil(replicates / 20));
process.exitCode = broken.length > 0 ? 1 : 0;

/** Prints a row a scenario. Returns those that break their promise: at 99.9 %, because one in twenty 95 % intervals leaves out the truth. */
function table(scenarios: readonly Scenario[], n: number): Scenario[] {
  return scenarios.filter((scenario) => {
    const { what, promised, is } = scenario;
    const events = countEvents(scenario, n, seed);
    const { low, high } = judge(scenario, events, n, 0.95);
    const [share, from, to] = [events / n, low, high].map((value) => value.toFixed(4));
    const bound = { equal: '', 'at most': 'at most ', 'at least': 'at least ' }[is];
    console.log(`| ${what} | ${bound}${Number(promised.toFixed(4))} | ${share} [${from}, ${to}] | ${n} |`);
    return !judge(scenario, events, n, 0.999).isKept;
  });
}
