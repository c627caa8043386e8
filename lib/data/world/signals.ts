/** What the portal saw of a reader before its cutoff: searches, pages and clicks, with noise among them, each labelled. */
import { Random } from '../../random.ts';
import type { SignalKind, SignalRow } from '../rows.ts';
import type { WorldArticle } from './articles.ts';
import { atReadingHour, day, hour, periods } from './calendar.ts';
import { topics } from './lexicon/topics.ts';
import { clutter, everyday, personalData } from './noise.ts';
import type { Interest, WorldReader } from './readers.ts';
import { type Subject, writePage, writeSearch } from './wording.ts';

/** How far back a reader's signals go. */
const lookback = 42 * day;

/** The articles that readers of one split may have clicked before its window. */
export interface PastNews {
  /** By entity, in order of publication. */
  about(subject: Subject): readonly WorldArticle[];
  /** One article by its appeal alone. */
  popular(u: number): WorldArticle;
}

/** A signal, and what it is about; null: noise. */
export interface WorldSignal {
  row: SignalRow;
  about: Subject | null;
}

/** All signals of a reader, oldest first. */
export function drawSignals(seed: number, reader: WorldReader, past: PastNews): WorldSignal[] {
  const random = new Random(seed, 'world signals', reader.readerId);
  const cutoff = periods[reader.split].start;
  const signals: WorldSignal[] = [];
  const seen = new Set<string>();
  const add = (
    kind: SignalKind,
    text: string,
    label: 'keep' | 'drop',
    at: number,
    about: Subject | null,
    articleId: string | null = null,
  ): void => {
    signals.push({ row: { reader_id: reader.readerId, kind, text, at, label, article_id: articleId }, about });
  };
  const addClick = (article: WorldArticle): boolean => {
    if (seen.has(article.row.article_id)) return false;
    seen.add(article.row.article_id);
    const at = Math.min(
      article.row.published_at + Math.floor(random.exponential(0.5 * day) / 1000) * 1000 + 60_000,
      cutoff - hour,
    );
    if (at <= article.row.published_at) return false;
    add('click', article.row.title, 'keep', at, article.subject, article.row.article_id);
    return true;
  };

  for (const interest of interestsShown(reader, random)) {
    const { subject } = interest;
    const aspect = random.uniform() < 0.65 ? subject.aspect : random.integer(topics[subject.topic].aspects.length);
    const about = { ...subject, aspect };
    let kind = random.pick(interest.shows);
    if (kind === 'click' && reader.cold && random.uniform() < 0.8) kind = 'search';
    if (kind === 'click') {
      const article = clickedArticle(about, past, cutoff, seen, random);
      if (article && addClick(article)) continue;
      kind = 'search';
    }
    const at = signalTime(cutoff, random);
    if (kind === 'page') {
      add('page', writePage(about, random), 'keep', at, about);
    } else {
      const text = writeSearch(about, random);
      add('search', random.uniform() < 0.015 ? `${text} ${personalData(random)}` : text, 'keep', at, about);
    }
  }
  if (!reader.cold) for (let left = random.poisson(1); left > 0; left--) addClick(past.popular(random.uniform()));
  for (let left = random.poisson(1); left > 0; left--) {
    const { kind, text } = everyday(random);
    add(kind, text, 'drop', signalTime(cutoff, random), null);
  }
  for (let left = random.poisson(2); left > 0; left--) {
    const { kind, text } = clutter(random);
    add(kind, text, 'drop', signalTime(cutoff, random), null);
  }
  return signals.sort((a, b) => a.row.at - b.row.at);
}

/** Which interest each signal comes from: every interest at least once where there is room, the rest by weight. */
function interestsShown(reader: WorldReader, random: Random): Interest[] {
  const { interests } = reader;
  const count = reader.cold ? 3 + random.integer(4) : Math.min(14, Math.max(4, random.poisson(10)));
  const weights = interests.map(({ weight }) => weight);
  const shown = interests.slice(0, count);
  while (shown.length < count) shown.push(interests[random.weighted(weights)]);
  return shown;
}

/** An unseen article on the subject, or at least its entity, that was news within the reader's lookback; null when there is none. */
function clickedArticle(
  subject: Subject,
  past: PastNews,
  cutoff: number,
  seen: ReadonlySet<string>,
  random: Random,
): WorldArticle | null {
  const fresh = past
    .about(subject)
    .filter(({ row }) => row.published_at >= cutoff - lookback && !seen.has(row.article_id));
  const exact = fresh.filter((article) => article.subject.aspect === subject.aspect);
  const choice = exact.length > 0 ? exact : fresh;
  return choice.length > 0 ? choice[random.weighted(choice.map(({ appeal }) => appeal))] : null;
}

/** A moment before the cutoff, recent ones more likely, at an hour when people are awake. */
function signalTime(cutoff: number, random: Random): number {
  const back = Math.min(1 + random.exponential(10), lookback / day);
  return atReadingHour(cutoff - back * day, random);
}
