/** The simulated readers of an A/B test, and what they click. */
import { type Dataset, datasetOf } from '../data/dataset.ts';
import type { Reader } from '../data/rows.ts';
import { openWorld, type WorldSettings } from '../data/world/world.ts';

export interface Audience {
  readers: Reader[];
  /** Probability, in [0, 1], that the reader clicks each article if it looks at it. */
  clickProbabilities(readerId: string, articleIds: readonly string[]): number[];
  /** What is simulated, for the headline. */
  kind: 'world' | 'replay';
}

/** Clicks for one unit of the world's click propensity. At 8, an article on the heart of an interest is clicked about every second time, one on nobody's once in a thousand. */
const CLICK_RATE = 8;

/**
 * `count` test readers of the embedded world, more than the run measures where so many are asked for: readers are drawn one by one, so those
 * that both know are the same. None that training saw. A click is the first event of a Poisson process whose rate is the world's propensity w
 * (affinity × appeal × freshness): p = 1 - exp(-8 w).
 */
export function worldAudience(settings: WorldSettings, count: number): Audience {
  const world = openWorld({ ...settings, trainReaders: 1, devReaders: 1, testReaders: count });
  return {
    kind: 'world',
    readers: datasetOf(world.tables).readers('test'),
    clickProbabilities: (readerId, articleIds) =>
      Array.from(world.affinity(readerId, articleIds), (propensity) => 1 - Math.exp(-CLICK_RATE * propensity)),
  };
}

/** Click probabilities of a replayed log: of an article that the reader went on to click, and of any other. */
const REPLAY = { clicked: 0.5, other: 0.002 } as const;

/**
 * A log replayed, where nobody knows what readers would have clicked: test readers click what they clicked in the log, if it is shown
 * to them, and hardly anything else. It rewards recall of the logged clicks only, so it is a rehearsal of the test, not a test.
 */
export function replayAudience(dataset: Dataset, count: number): Audience {
  const readers = dataset.readers('test').slice(0, count);
  const clicked = new Map(readers.map((reader) => [reader.readerId, new Set(reader.clicked)]));
  return {
    kind: 'replay',
    readers,
    clickProbabilities: (readerId, articleIds) =>
      articleIds.map((id) => (clicked.get(readerId)?.has(id) ? REPLAY.clicked : REPLAY.other)),
  };
}
