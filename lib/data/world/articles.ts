/** The news of a world: what is published in each period, about what, and how much it appeals to everybody. */
import { Random } from '../../random.ts';
import type { ArticleRow } from '../rows.ts';
import { day, type Period, publicationTime } from './calendar.ts';
import { topics } from './lexicon/topics.ts';
import type { Popularity } from './popularity.ts';
import { type Subject, writeArticle } from './wording.ts';

export interface WorldArticle {
  row: ArticleRow;
  period: Period;
  subject: Subject;
  /** How much the article draws everybody: exp(N(0, 1)). */
  appeal: number;
}

/** The articles of a period in order of publication. */
export function publishArticles(seed: number, period: Period, count: number, popularity: Popularity): WorldArticle[] {
  const random = new Random(seed, 'world articles', period);
  const pickEntity = cumulative(popularity.inPeriod[period]);
  const drafts = Array.from({ length: count }, () => {
    const { topic, entity } = popularity.entities[pickEntity(random.uniform())];
    const aspect = random.weighted(popularity.aspects[topic]);
    const at = publicationTime(period, random);
    const subject = { topic, entity, aspect };
    return { subject, at, text: writeArticle(subject, at, random), appeal: Math.exp(random.normal()) };
  });
  drafts.sort((a, b) => a.at - b.at);
  return drafts.map(({ subject, at, text, appeal }, i) => ({
    row: {
      article_id: `${period}-${String(i).padStart(5, '0')}`,
      ...text,
      category: topics[subject.topic].id,
      published_at: at,
    },
    period,
    subject,
    appeal,
  }));
}

/** What an article draws at a moment: its appeal, fading over days; nothing before it is published. */
export function weightAt(article: WorldArticle, at: number): number {
  const age = at - article.row.published_at;
  return age < 0 ? 0 : article.appeal * Math.exp(-age / (4 * day));
}

/** Draws indices in proportion to weights by binary search: u in [0, 1) → index. */
export function cumulative(weights: ArrayLike<number>): (u: number) => number {
  const sums = new Float64Array(weights.length);
  let total = 0;
  for (let i = 0; i < weights.length; i++) sums[i] = total += weights[i];
  return (u) => {
    const target = u * total;
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] > target) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
