/** How much is written about each entity and aspect: popularity that drifts between periods, and entities that fall silent. */
import { Random } from '../../random.ts';
import { type Period, periods } from './calendar.ts';
import { topics } from './lexicon/topics.ts';

/** Numbers an entity across topics. */
export interface EntityIndex {
  topic: number;
  entity: number;
}

export interface Popularity {
  /** Every entity of the lexicon, in order. */
  entities: readonly EntityIndex[];
  /** Lasting popularity of `entities`: what readers grow interests by. Newcomers have theirs although nobody knows them yet. */
  lasting: Float64Array;
  /** Popularity of `entities` in a period's news; zero: silent. */
  inPeriod: Readonly<Record<Period, Float64Array>>;
  /** Share of each aspect within its topic. */
  aspects: readonly number[][];
  isNewcomer(index: EntityIndex): boolean;
}

/** Share of a topic's entities that no article of a period names. */
const silentShare = 0.08;
/** Standard deviation of the logarithm of an entity's popularity between periods. */
const driftDeviation = 0.6;
const zipfExponent = 0.7;

/** Draws the popularities of a world. `newcomers` false: they stay silent in every period, and no reader cares for them. */
export function drawPopularity(seed: number, newcomers: boolean): Popularity {
  const random = new Random(seed, 'world popularity');
  const topicWeights = random.dirichlet(topics.length, 3);
  const entities = topics.flatMap(({ entities }, topic) => entities.map((_, entity) => ({ topic, entity })));
  const isNewcomer = ({ topic, entity }: EntityIndex): boolean =>
    entity >= topics[topic].entities.length - topics[topic].newcomers;
  const lasting = Float64Array.from(
    topics.flatMap((topic, t) => {
      const known = topic.entities.length - topic.newcomers;
      const byRank = Array.from({ length: known }, (_, rank) => (rank + 1) ** -zipfExponent);
      const total = byRank.reduce((sum, weight) => sum + weight, 0);
      // A newcomer makes the splash of a third-ranked name.
      const all = [
        ...random.shuffle(byRank),
        ...Array.from({ length: topic.newcomers }, () => (newcomers ? byRank[2] : 0)),
      ];
      return all.map((weight) => (weight / total) * topicWeights[t]);
    }),
  );
  const inPeriod = Object.fromEntries(
    (Object.keys(periods) as Period[]).map((period) => {
      const drifting = new Random(seed, 'world drift', period);
      return [
        period,
        lasting.map((weight, i) => {
          const drift = Math.exp(drifting.normal(0, driftDeviation));
          const silent = drifting.uniform() < silentShare;
          const unknown = period !== 'test' && isNewcomer(entities[i]);
          return silent || unknown ? 0 : weight * drift;
        }),
      ];
    }),
  ) as Record<Period, Float64Array>;
  return {
    entities,
    lasting,
    inPeriod,
    aspects: topics.map(({ aspects }) => random.dirichlet(aspects.length, 3)),
    isNewcomer,
  };
}
