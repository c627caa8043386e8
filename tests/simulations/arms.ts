/** The tests of the A/B engine on arms drawn from a known population of readers: false positives, coverage and power. */
import normal from '@stdlib/stats-base-dists-normal';
import {
  alwaysValidP,
  compareArms,
  cuped,
  type Estimate,
  meanEstimate,
  ratioEstimate,
  sampleSize,
  srmP,
  twoProportions,
} from '../../lib/method/experiment.ts';
import { pairedT, variance, welch } from '../../lib/method/statistics.ts';
import { mean } from '../../lib/method/vectors.ts';
import { Draw, type Scenario } from './simulation.ts';

const READERS = 300;

/** Readers differ in how often they come and in what share they click, as in the simulated portal. */
const population = (() => {
  const draw = new Draw('population');
  const shown: number[] = [];
  const clicks: number[] = [];
  const days: number[] = [];
  for (let reader = 0; reader < 20_000; reader++) {
    days.push(1 + draw.binomial(6, 0.25 + 0.5 * draw.uniform()));
    shown.push(10 * days[reader]);
    clicks.push(draw.binomial(shown[reader], 0.3 * draw.uniform() ** 2));
  }
  return { shown, clicks, days };
})();
const trueRate = mean(population.clicks) / mean(population.shown);

/** The difference that a test of this standard error finds four times out of five at 5 %. */
const FOUND_AT_80 = normal.quantile(0.975, 0, 1) + normal.quantile(0.8, 0, 1);

interface Sample {
  shown: number[];
  clicks: number[];
  days: number[];
}

function sampled(draw: Draw): Sample {
  const sample: Sample = { shown: [], clicks: [], days: [] };
  for (let i = 0; i < READERS; i++) {
    const reader = draw.integer(population.shown.length);
    for (const name of ['shown', 'clicks', 'days'] as const) sample[name].push(population[name][reader]);
  }
  return sample;
}

const daysOf = (sample: Sample): Estimate => meanEstimate(sample.days);
const rateOf = ({ clicks, shown }: Sample): Estimate => ratioEstimate(clicks, shown);
const shifted = (estimate: Estimate, by: number): Estimate => ({ ...estimate, value: estimate.value + by });

/** Standard error of a difference of two arms, from the population. */
const daysError = Math.sqrt((2 * variance(population.days)) / READERS);
const rateError = Math.sqrt((2 * rateOf(population).variance * population.shown.length) / READERS);

const isFound = (p: number): boolean => p < 0.05;
const holds = ({ low, high }: { low: number; high: number }, truth: number): boolean => low <= truth && truth <= high;

/** Fixed horizon. Named by what happens in a replicate. */
export const fixedHorizon: Scenario[] = [
  {
    what: 'A/A, mean: p < .05',
    promised: 0.05,
    is: 'equal',
    replicate: (draw) => isFound(compareArms(daysOf(sampled(draw)), daysOf(sampled(draw))).p),
  },
  {
    what: 'A/A, click-through rate (delta method): p < .05',
    promised: 0.05,
    is: 'equal',
    replicate: (draw) => isFound(compareArms(rateOf(sampled(draw)), rateOf(sampled(draw))).p),
  },
  {
    what: 'mean, planted difference: interval holds it',
    promised: 0.95,
    is: 'equal',
    replicate: (draw) => holds(compareArms(shifted(daysOf(sampled(draw)), 0.4), daysOf(sampled(draw))).difference, 0.4),
  },
  {
    what: 'click-through rate, relative change: interval holds it',
    promised: 0.95,
    is: 'equal',
    replicate: (draw) =>
      holds(compareArms(shifted(rateOf(sampled(draw)), 0.2 * trueRate), rateOf(sampled(draw))).relative, 0.2),
  },
  {
    what: 'mean, effect of 80 % power: found',
    promised: 0.8,
    is: 'equal',
    replicate: (draw) =>
      isFound(compareArms(shifted(daysOf(sampled(draw)), FOUND_AT_80 * daysError), daysOf(sampled(draw))).p),
  },
  {
    what: 'click-through rate, effect of 80 % power: found',
    promised: 0.8,
    is: 'equal',
    replicate: (draw) =>
      isFound(compareArms(shifted(rateOf(sampled(draw)), FOUND_AT_80 * rateError), rateOf(sampled(draw))).p),
  },
  {
    what: 'A/A, two proportions: p < .05',
    promised: 0.05,
    is: 'equal',
    replicate: (draw) => isFound(twoProportions([draw.binomial(1000, 0.3), 1000], [draw.binomial(1000, 0.3), 1000]).p),
  },
  {
    what: 'two proportions: interval holds the difference',
    promised: 0.95,
    is: 'equal',
    replicate: (draw) =>
      holds(twoProportions([draw.binomial(1000, 0.36), 1000], [draw.binomial(1000, 0.3), 1000]), 0.06),
  },
  plannedPower(),
  {
    what: 'A/A, CUPED: p < .05',
    promised: 0.05,
    is: 'equal',
    replicate: (draw) => isFound(cupedOn(draw, 0).p),
  },
  {
    what: 'CUPED: interval holds a planted difference',
    promised: 0.95,
    is: 'equal',
    replicate: (draw) => holds(cupedOn(draw, 0.5), 0.5),
  },
  {
    what: 'A/A, Welch, 12 against 30 of thrice the deviation: p < .05',
    promised: 0.05,
    is: 'equal',
    replicate: (draw) => isFound(welch(normals(draw, 12, 1), normals(draw, 30, 3)).p),
  },
  {
    what: 'A/A, paired t of 10: p < .05',
    promised: 0.05,
    is: 'equal',
    replicate: (draw) => isFound(pairedT(normals(draw, 10, 1), normals(draw, 10, 1)).p),
  },
  {
    what: 'sound split of 1,000 readers: SRM p < .05',
    promised: splitPromise(1000),
    is: 'equal',
    replicate: (draw) => {
      const treated = draw.binomial(1000, 0.5);
      return isFound(srmP([treated, 1000 - treated], [0.5, 0.5]));
    },
  },
  {
    what: 'split that loses 20 % of the treated, 2,000 readers: SRM p < .001',
    promised: 0.9,
    is: 'at least',
    replicate: (draw) => {
      const treated = draw.binomial(2000, 0.5);
      return srmP([draw.binomial(treated, 0.8), 2000 - treated], [0.5, 0.5]) < 0.001;
    },
  },
];

/** Looked at again and again. */
export const peeking: Scenario[] = [
  {
    what: 'A/A, always-valid p, a look a day for 7 days: ever < .05',
    promised: 0.05,
    is: 'at most',
    replicate: (draw) => isEverFound(draw, 7, (day) => day * 100, 0, 0.1),
  },
  {
    what: 'A/A, always-valid p, 2,000 looks: ever < .05',
    promised: 0.05,
    is: 'at most',
    replicate: (draw) => isEverFound(draw, 2000, (look) => 1.012 ** look, 0, 3),
  },
  {
    what: 'planted difference, always-valid p, 2,000 looks: found',
    promised: 0.99,
    is: 'at least',
    replicate: (draw) => isEverFound(draw, 2000, (look) => 1.012 ** look, 0.05, 3),
  },
];

/** Looks at the mean of `count(look)` normal observations of variance 1, until the always-valid p is below 5 %. */
function isEverFound(
  draw: Draw,
  looks: number,
  count: (look: number) => number,
  effect: number,
  mixtureDeviation: number,
): boolean {
  let sum = 0;
  let before = 0;
  for (let look = 1; look <= looks; look++) {
    const n = count(look);
    sum += effect * (n - before) + draw.normal(Math.sqrt(n - before));
    before = n;
    if (isFound(alwaysValidP({ mean: sum / n, n, variance: 1, mixtureVariance: mixtureDeviation ** 2 }))) return true;
  }
  return false;
}

/** Arms as large as the power calculation says. */
function plannedPower(): Scenario {
  const n = Math.ceil(sampleSize({ baseRate: 0.3, relativeLift: 0.25, alpha: 0.05, power: 0.8 }));
  return {
    what: `two proportions, ${n} readers an arm as planned for 80 %: found`,
    promised: 0.8,
    is: 'equal',
    replicate: (draw) => isFound(twoProportions([draw.binomial(n, 0.375), n], [draw.binomial(n, 0.3), n]).p),
  };
}

/** The chance that a sound split of n looks broken at 5 %, exactly: the sizes are whole numbers. */
function splitPromise(n: number): number {
  let promise = 0;
  let probability = Math.exp(-n * Math.LN2);
  for (let treated = 0; treated <= n; treated++) {
    if (isFound(srmP([treated, n - treated], [0.5, 0.5]))) promise += probability;
    probability *= (n - treated) / (treated + 1);
  }
  return promise;
}

function cupedOn(draw: Draw, effect: number): ReturnType<typeof cuped> {
  const arm = Array.from({ length: 120 }, (_, i) => i % 2);
  const pre = arm.map(() => draw.normal());
  const post = arm.map((treated, i) => 0.8 * pre[i] + draw.normal(0.6) + effect * treated);
  return cuped(pre, post, arm);
}

function normals(draw: Draw, n: number, deviation: number): number[] {
  return Array.from({ length: n }, () => draw.normal(deviation));
}
