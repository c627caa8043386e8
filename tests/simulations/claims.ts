/** The paired difference over seeds and readers, at three seeds in each of two worlds; and the methods that it replaces. */
import { type ClaimRow, judgeClaims } from '../../lib/method/claims.ts';
import { type PairedEffect, type PairedRow, pairedEffect } from '../../lib/method/hierarchy.ts';
import { pairedT } from '../../lib/method/statistics.ts';
import type { Draw, Scenario } from './simulation.ts';

const WORLDS = 2;
const SEEDS = 3;
const READERS = 30;

/** Where the squared error of a world's mean comes from. `unequal`: the seeds of the second world scatter so many times as much. */
interface Sources {
  what: string;
  seeds: number;
  readers: number;
  rest: number;
  unequal?: number;
}

const mixtures: (Sources & { is: Scenario['is'] })[] = [
  { what: 'seeds alone', seeds: 1, readers: 0, rest: 0, is: 'at least' },
  { what: 'readers alone', seeds: 0, readers: 1, rest: 0, is: 'equal' },
  { what: 'seeds and readers', seeds: 0.5, readers: 0.5, rest: 0, is: 'equal' },
  { what: 'seeds, readers and rest', seeds: 0.33, readers: 0.33, rest: 0.33, is: 'at least' },
  { what: 'readers and rest', seeds: 0, readers: 0.5, rest: 0.5, is: 'at least' },
  { what: 'rest alone', seeds: 0, readers: 0, rest: 1, is: 'at least' },
];

const methods: Record<string, (rows: readonly PairedRow[], draw: Draw) => { low: number; high: number }> = {
  ours: (rows) => pairedEffect(rows).difference,
  't over the runs’ means': (rows) => {
    const means = runsOf(rows).map(({ differences }) => average(differences));
    return pairedT(
      means,
      means.map(() => 0),
    );
  },
  't over readers, runs pooled': (rows) =>
    pairedT(
      rows.map(({ ours }) => ours),
      rows.map(({ other }) => other),
    ),
  'bootstrap of seeds and readers': (rows, draw) => {
    const runs = runsOf(rows);
    const means = Array.from({ length: 300 }, () => resampledMean(runs, draw)).sort((a, b) => a - b);
    return { low: means[7], high: means[292] };
  },
};

/** Coverage of the truth, 0.3, by each method and source of error. */
export const coverage: Record<string, Scenario[]> = Object.fromEntries(
  Object.entries(methods).map(([method, interval]) => [
    method,
    mixtures.map((sources) => coverageOf(method, sources, interval)),
  ]),
);

function coverageOf(method: string, sources: (typeof mixtures)[number], interval: (typeof methods)[string]): Scenario {
  return {
    what: `${method}, error from ${sources.what}: 95 % interval holds the truth`,
    promised: 0.95,
    is: sources.is,
    replicate: (draw: Draw) => {
      const { low, high } = interval(measured(draw, sources, 0.3), draw);
      return low <= 0.3 && 0.3 <= high;
    },
  };
}

/** What the verdicts promise. */
export const verdicts: Scenario[] = [
  {
    what: 'family of 4 claims without any effect: one holds or does not hold',
    promised: 0.05,
    is: 'at most',
    replicate: (draw) => {
      const names = ['a', 'b', 'c', 'd'];
      const rows = names.flatMap((claim) => measured(draw, mixtures[2], 0).map((row) => ({ claim, ...row })));
      return judgeClaims(rows, names).some(({ verdict }) => verdict !== 'cannot be told at this n');
    },
  },
  {
    what: 'family of 4 claims, two without any effect, two with the least they claim: one without holds, or one with does not',
    promised: 0.05,
    is: 'at most',
    replicate: (draw) => {
      const rowsOf = (claim: string, effect: number): ClaimRow[] =>
        measured(draw, mixtures[2], effect).map((row) => ({ claim, ...row, least: 0.3 }));
      const judged = judgeClaims([rowsOf('a', 0), rowsOf('b', 0), rowsOf('c', 0.3), rowsOf('d', 0.3)].flat(), [
        'a',
        'b',
        'c',
        'd',
      ]);
      return judged.some(({ verdict }, i) => verdict === (i < 2 ? 'holds' : 'does not hold'));
    },
  },
  {
    what: 'claim with its claimed effect: does not hold',
    promised: 0.05,
    is: 'at most',
    replicate: (draw) => {
      const rows = measured(draw, mixtures[2], 0.3).map((row) => ({ claim: 'a', ...row, least: 0.3 }));
      return judgeClaims(rows, ['a'])[0].verdict === 'does not hold';
    },
  },
  {
    what: 'difference as large as is said to be detectable: found',
    promised: 0.8,
    is: 'equal',
    replicate: (draw) => pairedEffect(measured(draw, mixtures[1], DETECTABLE_BY_READERS)).p < 0.05,
  },
];

/** As many claims as the paper's page has: Holm's first step asks for p below .002, far out in the tail of an approximation. */
export const largeFamilies: Scenario[] = mixtures.slice(0, 4).map((sources) => ({
  what: `family of 24 claims without any effect, error from ${sources.what}: one holds or does not hold`,
  promised: 0.05,
  is: 'at most',
  replicate: (draw) => {
    const names = Array.from({ length: 24 }, (_, i) => String(i));
    const rows = names.flatMap((claim) => measured(draw, sources, 0).map((row) => ({ claim, ...row })));
    return judgeClaims(rows, names).some(({ verdict }) => verdict !== 'cannot be told at this n');
  },
}));

/** For mixtures[1]: standard error √(1/2) over two worlds, 2 · (30 - 1) degrees of freedom. */
const DETECTABLE_BY_READERS = detectable();

function detectable(): number {
  const rows: PairedRow[] = [];
  for (let world = 0; world < WORLDS; world++) {
    for (let seed = 0; seed < SEEDS; seed++) {
      // Readers' differences of mean 0 and of variance READERS, as `measured` draws them: alternately up and down.
      const deviation = Math.sqrt(READERS * (1 - 1 / READERS));
      for (let i = 0; i < READERS; i++)
        rows.push({ seed, world, reader: String(i), ours: i % 2 === 0 ? deviation : -deviation, other: 0 });
    }
  }
  return pairedEffect(rows).detectable;
}

/** Unequal seeds are no promise: how far coverage falls. */
export const unequalSeeds: Scenario[] = [2, 4].map((unequal) => ({
  what: `ours, error from seeds and readers, seeds ${unequal} times as far apart in one world: 95 % interval holds the truth`,
  promised: 0.95,
  is: 'equal',
  replicate: (draw) => {
    const { difference }: PairedEffect = pairedEffect(measured(draw, { ...mixtures[2], unequal }, 0.3));
    return difference.low <= 0.3 && 0.3 <= difference.high;
  },
}));

function measured(draw: Draw, { seeds, readers, rest, unequal = 1 }: Sources, effect: number): PairedRow[] {
  const rows: PairedRow[] = [];
  for (let world = 0; world < WORLDS; world++) {
    const ofReaders = Array.from({ length: READERS }, () => draw.normal(Math.sqrt(READERS * readers)));
    for (let seed = 0; seed < SEEDS; seed++) {
      const ofSeed = draw.normal(Math.sqrt(SEEDS * seeds) * (world === 1 ? unequal : 1));
      for (let i = 0; i < READERS; i++) {
        const ours = effect + ofSeed + ofReaders[i] + draw.normal(Math.sqrt(SEEDS * READERS * rest));
        rows.push({ seed, world, reader: String(i), ours, other: 0 });
      }
    }
  }
  return rows;
}

/** Differences of each run, runs of a world next to each other. */
function runsOf(rows: readonly PairedRow[]): { world: string | number; differences: number[] }[] {
  return [...Map.groupBy(rows, ({ world, seed }) => `${world} ${seed}`).values()].map((run) => ({
    world: run[0].world,
    differences: run.map(({ ours, other }) => ours - other),
  }));
}

/** Seeds drawn with replacement within each world, and readers once for all seeds of the world, as they are paired. */
function resampledMean(runs: readonly { differences: readonly number[] }[], draw: Draw): number {
  let sum = 0;
  for (let world = 0; world < WORLDS; world++) {
    const readers = Array.from({ length: READERS }, () => draw.integer(READERS));
    for (let seed = 0; seed < SEEDS; seed++) {
      const { differences } = runs[world * SEEDS + draw.integer(SEEDS)];
      sum += average(readers.map((reader) => differences[reader]));
    }
  }
  return sum / runs.length;
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
