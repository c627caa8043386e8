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

/** Faults and noise are wanted: they leave the policy room to improve on (docs/experiments.md). */
const rates = { skipped: 0.3, nextClick: 0.5, generic: 0.1, repeated: 0.02, formatFault: 0.05 } as const;

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

/** One interest of a reader: phrases of its signals, and phrases of next clicks near it. */
export interface PhraseCluster {
  phrases: string[];
  clicks: string[];
}

/**
 * Interests in the order in which the signals first show them. A phrase opens a cluster where it is near no earlier opener; the
 * cluster then holds every phrase near the opener. `vectors` are unit or zero, one a phrase; empty phrases are left out.
 */
export function phraseClusters(
  phrases: readonly string[],
  vectors: readonly Float32Array[],
  clicks: readonly string[],
  clickVectors: readonly Float32Array[],
): PhraseCluster[] {
  const openers: number[] = [];
  phrases.forEach((phrase, i) => {
    if (phrase !== '' && openers.every((opener) => dot(vectors[i], vectors[opener]) < SAME_INTEREST_COSINE))
      openers.push(i);
  });
  const near = (opener: number, texts: readonly string[], of: readonly Float32Array[]): string[] =>
    texts.filter((text, i) => text !== '' && dot(vectors[opener], of[i]) >= SAME_INTEREST_COSINE);
  return openers.map((opener) => ({
    // A zero vector (words unknown to the encoder) is near nothing, not even itself.
    phrases: [...new Set([phrases[opener], ...near(opener, phrases, vectors)])],
    clicks: near(opener, clicks, clickVectors),
  }));
}

/** A list for a reader with these interests, its lines joined by newlines; another one at each call, as `random` says. */
export function weakLabel(clusters: readonly PhraseCluster[], random: Random): string {
  const lines: string[] = [];
  for (const cluster of clusters) {
    if (lines.length >= LIST_LINES.most) break;
    if (random.uniform() < rates.skipped) continue;
    const useClick = random.uniform() < rates.nextClick && cluster.clicks.length > 0;
    lines.push(random.pick(useClick ? cluster.clicks : cluster.phrases));
    if (random.uniform() < rates.generic) lines.push(random.pick(genericQueries));
    if (random.uniform() < rates.repeated) lines.push(lines[lines.length - 1]);
  }
  if (lines.length === 0) lines.push(random.pick(genericQueries));
  const list = lines.slice(0, LIST_LINES.most).map((line) => line.split(' ').slice(0, LINE_WORDS.most).join(' '));
  return random.uniform() < rates.formatFault ? withFault(list, random) : list.join('\n');
}

/** A list that breaks its format: an empty line in it, or all its lines run together. */
function withFault(lines: readonly string[], random: Random): string {
  if (random.uniform() < 0.5) return lines.join(' ');
  const at = random.integer(lines.length + 1);
  return [...lines.slice(0, at), '', ...lines.slice(at)].join('\n');
}
