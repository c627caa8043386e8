/** The embedded world: a news portal invented from a seed, with what its readers want known. */
import type { CanonicalTables } from '../canonical.ts';
import {
  splits,
  type ExampleRow,
  type PoolRow,
  type ShownRow,
  type SignalRow,
  type Split,
  type TruthRow,
} from '../rows.ts';
import { cumulative, publishArticles, type WorldArticle, weightAt } from './articles.ts';
import { periods } from './calendar.ts';
import { drawImpressions, newsstand } from './impressions.ts';
import { drawPopularity } from './popularity.ts';
import { affinity, drawReader, type Interest, interestQuery, readerTaste, type WorldReader } from './readers.ts';
import { drawSignals, type PastNews, type WorldSignal } from './signals.ts';
import type { Subject } from './wording.ts';

export interface WorldSettings {
  seed: number;
  historyArticles: number;
  /** Fresh articles of the train and test windows; the dev window has half. */
  poolArticles: number;
  trainReaders: number;
  devReaders: number;
  testReaders: number;
  /** Whether some entities enter the news in the test window (default true). Off for pretraining, so that they are news to every model. */
  newcomers?: boolean;
}

export interface World {
  tables: CanonicalTables;
  /** Of `tables`, with what was shown. */
  impressions: readonly ShownRow[];
  /** Click propensities of a reader for articles (of any period), as the next clicks were drawn from, at the end of the articles' period: affinity × appeal × freshness. Unknown ids throw. */
  affinity(readerId: string, articleIds: readonly string[]): Float64Array;
  /** A reader's latent interests, heaviest first. */
  interests(readerId: string): TruthRow[];
  /** What a signal of `tables.signals` is about; null: noise. Knowledge of the language, which no signal's row has. */
  about(signal: SignalRow): Subject | null;
}

/** All tables of a world. The same settings give the same rows on every machine. */
export function generateWorld(settings: WorldSettings): CanonicalTables {
  return openWorld(settings).tables;
}

/** The tables, with the latent truth behind them open for simulation. */
export function openWorld(settings: WorldSettings): World {
  const { seed } = settings;
  if (settings.historyArticles < 1 || settings.poolArticles < smallestPool) {
    throw new RangeError(
      `a world needs at least 1 historyArticles and ${smallestPool} poolArticles (half of them for dev): readers could not click else`,
    );
  }
  const popularity = drawPopularity(seed, settings.newcomers ?? true);
  const articleCounts = {
    history: settings.historyArticles,
    train: settings.poolArticles,
    dev: Math.ceil(settings.poolArticles / 2),
    test: settings.poolArticles,
  };
  const readerCounts = { train: settings.trainReaders, dev: settings.devReaders, test: settings.testReaders };
  const history = publishArticles(seed, 'history', articleCounts.history, popularity);
  const pools = Object.fromEntries(
    splits.map((split) => [split, publishArticles(seed, split, articleCounts[split], popularity)]),
  ) as Record<Split, WorldArticle[]>;

  const taste = readerTaste(popularity);
  const readers: WorldReader[] = [];
  const signals: WorldSignal[] = [];
  const impressions: ShownRow[] = [];
  const past = [...history];
  for (const split of splits) {
    const news = pastNews(past);
    const stand = newsstand(pools[split]);
    for (let index = 0; index < readerCounts[split]; index++) {
      const reader = drawReader(seed, split, index, popularity, taste);
      readers.push(reader);
      signals.push(...drawSignals(seed, reader, news));
      impressions.push(...drawImpressions(seed, reader, stand));
    }
    past.push(...pools[split]);
  }

  const tables: CanonicalTables = {
    signals: signals.map(({ row }) => row),
    articles: past.map(({ row }) => row),
    impressions: impressions.map(({ reader_id, at, clicked }) => ({ reader_id, at, clicked })),
    examples: readers.map(exampleOf),
    pool: splits.flatMap((split) => pools[split].map(({ row }): PoolRow => ({ split, article_id: row.article_id }))),
    truth: readers.flatMap(truthOf),
    quarantine: [],
    notes: [],
  };
  const byId = new Map(past.map((article) => [article.row.article_id, article]));
  const byReader = new Map(readers.map((reader) => [reader.readerId, reader]));
  const subjects = new Map(signals.map(({ row, about }) => [row, about]));
  const known = <T>(map: ReadonlyMap<string, T>, id: string): T => {
    const found = map.get(id);
    if (found === undefined) throw new RangeError(`the world of seed ${seed} has no "${id}"`);
    return found;
  };
  return {
    tables,
    impressions,
    affinity: (readerId, articleIds) => {
      const { interests } = known(byReader, readerId);
      return Float64Array.from(articleIds, (id) => {
        const article = known(byId, id);
        return affinity(interests, article.subject) * weightAt(article, periods[article.period].end);
      });
    },
    interests: (readerId) => truthOf(known(byReader, readerId)),
    about: (signal) => subjects.get(signal) ?? null,
  };
}

/** Below it a visit finds too little to show. */
const smallestPool = 40;

function exampleOf({ readerId, split, cold }: WorldReader): ExampleRow {
  return { reader_id: readerId, split, cutoff: periods[split].start, cold };
}

function truthOf({ readerId, interests }: WorldReader): TruthRow[] {
  return interests
    .map((interest: Interest) => ({ reader_id: readerId, query: interestQuery(interest), weight: interest.weight }))
    .sort((a, b) => b.weight - a.weight);
}

/** Indexes what was published before a split's window. */
function pastNews(articles: readonly WorldArticle[]): PastNews {
  const byEntity = new Map<string, WorldArticle[]>();
  for (const article of articles) {
    const key = `${article.subject.topic}/${article.subject.entity}`;
    const list = byEntity.get(key);
    if (list) list.push(article);
    else byEntity.set(key, [article]);
  }
  const pick = cumulative(articles.map(({ appeal }) => appeal));
  const snapshot = [...articles];
  return {
    about: ({ topic, entity }) => byEntity.get(`${topic}/${entity}`) ?? [],
    popular: (u) => snapshot[pick(u)],
  };
}
