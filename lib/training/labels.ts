/** Weak labels for many readers: the rule is in method/weak-labels.ts, the embeddings it needs are made here, once. */
import type { Dataset } from '../data/dataset.ts';
import type { Reader } from '../data/rows.ts';
import { corpusStatistics } from '../method/rubric.ts';
import { dot } from '../method/vectors.ts';
import {
  eventPhrase,
  keyPhraseOfSignal,
  type LabelledInterest,
  phraseClusters,
  SAME_INTEREST_COSINE,
  weakLabel,
} from '../method/weak-labels.ts';
import type { Random } from '../random.ts';
import { embedTexts } from '../retrieval/embed-texts.ts';
import type { Embedder } from '../retrieval/embedder.ts';

/** Writes a weak label for a train reader: another one at each call, as the random stream says. */
export type Labeler = (reader: Reader, random: Random) => string;

/** Prepares the labels of train readers (weakLabel): their next clicks are read, and the news up to then, nothing of dev or test. */
export async function createLabeler(dataset: Dataset, embedder: Embedder, eventShare: number): Promise<Labeler> {
  const readers = dataset.readers('train');
  const pool = dataset.pool('train');
  const { idf } = corpusStatistics([...dataset.history, ...pool]);
  const events = new Map(pool.map((article) => [article.article_id, eventPhrase(article, idf)]));
  const phrases = readers.map(({ signals, clicked }) => ({
    signals: signals.map((signal) =>
      keyPhraseOfSignal(signal, signal.articleId === null ? undefined : dataset.articles.get(signal.articleId)),
    ),
    clicks: clicked.map((id) => events.get(id) ?? '').filter((phrase) => phrase !== ''),
  }));
  const { of: vectorOf } = await embedTexts(
    phrases.flatMap(({ signals, clicks }) => [...signals, ...clicks]),
    embedder,
  );

  const interestsOf = ({ signals, clicks }: (typeof phrases)[number]): LabelledInterest[] => {
    const interests = phraseClusters(signals, signals.map(vectorOf)).map((near) => ({
      phrases: near,
      clicks: [] as { event: string; own: string }[],
    }));
    for (const event of clicks) {
      let nearest = { cosine: -1, own: '', of: interests[0] };
      for (const of of interests) {
        for (const own of of.phrases) {
          const cosine = dot(vectorOf(own), vectorOf(event));
          if (cosine > nearest.cosine) nearest = { cosine, own, of };
        }
      }
      if (nearest.cosine >= SAME_INTEREST_COSINE) nearest.of.clicks.push({ event, own: nearest.own });
    }
    return interests;
  };
  const interests = new Map(readers.map(({ readerId }, i) => [readerId, interestsOf(phrases[i])]));
  return (reader, random) => {
    const known = interests.get(reader.readerId);
    if (!known)
      throw new Error(
        `weak labels read next clicks: reader ${reader.readerId} of ${reader.split} must not be labelled`,
      );
    return weakLabel(known, eventShare, random);
  };
}
