/** A little world that several tests of serving share. */
import { datasetOf } from '../../lib/data/dataset.ts';
import { openWorld } from '../../lib/data/world/world.ts';

export const settings = {
  seed: 11,
  historyArticles: 300,
  poolArticles: 150,
  trainReaders: 40,
  devReaders: 10,
  testReaders: 60,
};
export const world = openWorld(settings);
export const dataset = datasetOf(world.tables);
