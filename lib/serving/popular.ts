/** What is popular, as far as it can be known when it is served. */
import type { Dataset } from '../data/dataset.ts';
import type { ArticleRow } from '../data/rows.ts';

/**
 * Fresh articles (test pool), most promising first. Nobody has clicked them yet, and what readers click next must not be known here. So
 * categories are ranked by the clicks of all readers before the test period, and share the places in proportion to them (D'Hondt's
 * divisors); within a category the newest article comes first.
 */
export function popularArticles({ tables, articles, pool }: Dataset): string[] {
  const begin = tables.examples.reduce(
    (first, { split, cutoff }) => (split === 'test' ? Math.min(first, cutoff) : first),
    Number.POSITIVE_INFINITY,
  );
  const clicks = new Map<string, number>();
  for (const { at, clicked } of tables.impressions) {
    if (at >= begin) continue;
    for (const id of clicked) {
      const category = articles.get(id)?.category ?? '';
      clicks.set(category, (clicks.get(category) ?? 0) + 1);
    }
  }
  const places = new Map<string, number>();
  return pool('test')
    .sort(newestFirst)
    .map(({ article_id, category }) => {
      const place = (places.get(category) ?? 0) + 1;
      places.set(category, place);
      return { article_id, quotient: (clicks.get(category) ?? 0) / place };
    })
    .sort((a, b) => b.quotient - a.quotient)
    .map(({ article_id }) => article_id);
}

function newestFirst(a: ArticleRow, b: ArticleRow): number {
  return b.published_at - a.published_at || (a.article_id < b.article_id ? -1 : 1);
}
