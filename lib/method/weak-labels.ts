/** Weak labels: lists good enough to start from, made of the reader's own signals and, of train readers only, the next clicks. */
import type { ArticleRow, Signal } from '../data/rows.ts';
import type { Random } from '../random.ts';
import { withoutPlaceholders } from './masking.ts';
import { LIST_LINES, LINE_WORDS } from './prompt.ts';
import { dot } from './vectors.ts';
import { genericQueries, isContent, stopWords, words } from './words.ts';

/** Phrases nearer than this are of one interest. */
export const SAME_INTEREST_COSINE = 0.4;

const PHRASE_WORDS = 5;

/** How often a label names an interest that the next clicks confirm, and one that they do not. */
const rates = { confirmed: 0.95, other: 0.25 } as const;

/**
 * What an article is about: words that title and abstract share, without stop words, at most 5, in the title's order. Where they
 * share none (no abstract, as often in real logs), the title's content words.
 */
export function keyPhraseOfArticle(title: string, abstract: string): string {
  const inAbstract = new Set(words(abstract));
  const inTitle = [...new Set(words(title))];
  const shared = inTitle.filter((word) => inAbstract.has(word) && !stopWords.has(word));
  return (shared.length > 0 ? shared : inTitle.filter(isContent)).slice(0, PHRASE_WORDS).join(' ');
}

/** What a signal is about: a search's first words, a page title's content words without the site's name, a click's article. May be ''. */
export function keyPhraseOfSignal(
  signal: Pick<Signal, 'kind' | 'text'>,
  article?: Pick<ArticleRow, 'title' | 'abstract'>,
): string {
  if (signal.kind === 'click' && article) return keyPhraseOfArticle(article.title, article.abstract);
  const text = withoutPlaceholders(signal.text);
  const all = signal.kind === 'search' ? words(text) : words(withoutSite(text)).filter(isContent);
  return all.slice(0, PHRASE_WORDS).join(' ');
}

/** "Knee arthritis | Health Forum" without its last part, where that is written like a name: every word of it capitalised. */
function withoutSite(title: string): string {
  const parts = title.split(/ [-|–—] /u);
  const last = parts[parts.length - 1].trim().split(/\s+/u);
  const isSite = parts.length > 1 && last.every((word) => /^[\p{Lu}\p{N}]/u.test(word));
  return (isSite ? parts.slice(0, -1) : parts).join(' ');
}

/**
 * Phrases by interest, in the order in which they first show. A phrase opens a cluster where it is near no earlier opener; the cluster
 * then holds every phrase near the opener. `vectors` are unit or zero, one a phrase; empty phrases are left out.
 */
export function phraseClusters(phrases: readonly string[], vectors: readonly Float32Array[]): string[][] {
  const openers: number[] = [];
  phrases.forEach((phrase, i) => {
    if (phrase !== '' && openers.every((opener) => dot(vectors[i], vectors[opener]) < SAME_INTEREST_COSINE))
      openers.push(i);
  });
  return openers.map((opener) => {
    const near = phrases.filter(
      (phrase, i) => phrase !== '' && dot(vectors[opener], vectors[i]) >= SAME_INTEREST_COSINE,
    );
    // A zero vector (words unknown to the encoder) is near nothing, not even itself.
    return [...new Set([phrases[opener], ...near])];
  });
}

/** What happened as well as to whom: half of the articles share only a name between title and abstract. */
const EVENT_WORDS = 4;

/**
 * An article's key phrase for a label: where title and abstract share fewer than 4 words, the title's rarest content words besides, in
 * its order. `idf`: inverse document frequencies of the corpus (rubric.ts).
 */
export function eventPhrase(
  { title, abstract }: Pick<ArticleRow, 'title' | 'abstract'>,
  idf: ReadonlyMap<string, number>,
): string {
  const inAbstract = new Set(words(abstract));
  const content = [...new Set(words(title))].filter(isContent);
  const shared = content.filter((word) => inAbstract.has(word));
  const others = content.filter((word) => !inAbstract.has(word));
  const rarest = others.toSorted((a, b) => (idf.get(b) ?? 0) - (idf.get(a) ?? 0));
  const kept = new Set([...shared, ...rarest.slice(0, Math.max(0, EVENT_WORDS - shared.length))]);
  return content
    .filter((word) => kept.has(word))
    .slice(0, PHRASE_WORDS)
    .join(' ');
}

/** An interest that a label can name. */
export interface LabelledInterest {
  /** Key phrases of its signals. */
  phrases: readonly string[];
  /** The next clicks about it: the event's phrase, and the signals' phrase nearest to it. */
  clicks: readonly { event: string; own: string }[];
}

/**
 * A list for a reader with these interests (in the order of the signals), its lines joined by newlines; another one at each call, as
 * `random` says. An interest that a next click confirms is named in the news' words in `eventShare` of the cases, else in the reader's own:
 * the former teach to translate, the latter to choose and to copy.
 */
export function weakLabel(interests: readonly LabelledInterest[], eventShare: number, random: Random): string {
  const drawn = interests.map((interest) => ({
    interest,
    named: random.uniform() < (interest.clicks.length > 0 ? rates.confirmed : rates.other),
    draw: random.uniform() * interest.phrases.length,
  }));
  const least = drawn.filter(({ named }) => !named).toSorted((a, b) => b.draw - a.draw);
  const missing = Math.max(0, LIST_LINES.least - drawn.filter(({ named }) => named).length);
  const added = new Set(least.slice(0, missing));
  const chosen = drawn.filter((one) => one.named || added.has(one)).map(({ interest }) => interest);

  const lines = new Set(
    chosen.map(({ phrases, clicks }) => {
      if (clicks.length === 0) return random.pick(phrases);
      const { event, own } = random.pick(clicks);
      return random.uniform() < eventShare ? event : own;
    }),
  );
  // Too few interests for a list: more of what is said about them.
  const more = chosen.flatMap(({ clicks, phrases }) => [...clicks.map(({ own }) => own), ...phrases]);
  for (const phrase of [...more, ...genericQueries]) {
    if (lines.size >= LIST_LINES.least) break;
    lines.add(phrase);
  }
  return [...lines]
    .slice(0, LIST_LINES.most)
    .map((line) => line.split(' ').slice(0, LINE_WORDS.most).join(' '))
    .join('\n');
}
