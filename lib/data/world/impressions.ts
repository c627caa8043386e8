/** What a reader was shown in its window, and clicked: by its interests, an article's appeal at that moment, and luck. */
import { Random } from '../../random.ts';
import type { ShownRow } from '../rows.ts';
import { cumulative, type WorldArticle, weightAt } from './articles.ts';
import { visitTime } from './calendar.ts';
import { topics } from './lexicon/topics.ts';
import { affinity, baseAffinity, type WorldReader } from './readers.ts';

/** A window's articles, ready to draw from. */
export interface Newsstand {
  articles: readonly WorldArticle[];
  byTopic: readonly (readonly WorldArticle[])[];
  /** Any article, by appeal. */
  any(u: number): WorldArticle;
}

export function newsstand(articles: readonly WorldArticle[]): Newsstand {
  const pick = cumulative(articles.map(({ appeal }) => appeal));
  return {
    articles,
    byTopic: topics.map((_, topic) => articles.filter(({ subject }) => subject.topic === topic)),
    any: (u) => articles[pick(u)],
  };
}

/** Standard deviation of the logarithm of where on the page, and whether at all, an article met the reader's eye. */
const luckDeviation = 0.5;

/** The visits of a reader in its window, in order of time: three to six clicks in all, among what else was popular. */
export function drawImpressions(seed: number, reader: WorldReader, stand: Newsstand): ShownRow[] {
  const random = new Random(seed, 'world impressions', reader.readerId);
  const topicsOfInterest = [...new Set(reader.interests.map(({ subject }) => subject.topic))];
  const near = topicsOfInterest.flatMap((topic) => stand.byTopic[topic]);
  // Luck is drawn where it can decide something: for articles on the reader's entities.
  const pull = near.map(({ subject }) => {
    const base = affinity(reader.interests, subject);
    const followed = reader.interests.some(
      (own) => own.subject.topic === subject.topic && own.subject.entity === subject.entity,
    );
    return followed ? base * Math.exp(random.normal(0, luckDeviation)) : base;
  });
  const clicks = 3 + random.integer(4);
  const visits = Math.min(clicks, 1 + random.integer(3));
  const times = Array.from({ length: visits }, () => visitTime(reader.split, random)).sort((a, b) => a - b);
  const clicked = new Set<string>();
  return times.map((at, visit) => {
    const share = Math.floor((clicks * (visit + 1)) / visits) - Math.floor((clicks * visit) / visits);
    const chosen = drawClicks({ share, at, near, pull, clicked, stand, random });
    const shown = new Set(chosen);
    const length = 10 + random.integer(11);
    for (let tries = 0; shown.size < length && tries < 200; tries++) {
      const article = stand.any(random.uniform());
      if (article.row.published_at <= at && !clicked.has(article.row.article_id)) shown.add(article.row.article_id);
    }
    return { reader_id: reader.readerId, at, shown: random.shuffle([...shown]), clicked: chosen };
  });
}

/** Clicks of one visit, without replacement. `near` holds the articles of the reader's topics; all others share the base affinity. */
function drawClicks(options: {
  share: number;
  at: number;
  near: readonly WorldArticle[];
  pull: readonly number[];
  clicked: Set<string>;
  stand: Newsstand;
  random: Random;
}): string[] {
  const { share, at, near, pull, clicked, stand, random } = options;
  const weights = Float64Array.from(near, (article, i) =>
    clicked.has(article.row.article_id) ? 0 : pull[i] * weightAt(article, at),
  );
  const nearWeight = weights.reduce((sum, weight) => sum + weight, 0);
  const elsewhere = baseAffinity * stand.articles.length;
  const chosen: string[] = [];
  for (let tries = 0; chosen.length < share && tries < 100; tries++) {
    let article: WorldArticle;
    if (random.uniform() * (nearWeight + elsewhere) < nearWeight) {
      const index = random.weighted(weights);
      article = near[index];
      weights[index] = 0;
    } else {
      article = stand.any(random.uniform());
    }
    const id = article.row.article_id;
    if (article.row.published_at > at || clicked.has(id)) continue;
    clicked.add(id);
    chosen.push(id);
  }
  return chosen;
}
