/** Weak labels for many readers: the rule is in method/weak-labels.ts, the embeddings it needs are made here, once. */
import type { ArticleRow, Reader } from '../data/rows.ts';
import {
  keyPhraseOfArticle,
  keyPhraseOfSignal,
  type PhraseCluster,
  phraseClusters,
  weakLabel,
} from '../method/weak-labels.ts';
import type { Random } from '../random.ts';
import type { Embedder } from '../retrieval/embedder.ts';

/** Writes a weak label for a reader: another one at each call, as the random stream says. */
export type Labeler = (reader: Reader, random: Random) => string;

/** Prepares the labels of train readers. Next clicks are used, so no reader of dev or test may be among them. */
export async function createLabeler(
  readers: readonly Reader[],
  articles: ReadonlyMap<string, ArticleRow>,
  embedder: Embedder,
): Promise<Labeler> {
  const held = readers.find((reader) => reader.split !== 'train');
  if (held)
    throw new Error(`weak labels read next clicks: reader ${held.readerId} of ${held.split} must not be labelled`);
  const articlePhrases = new Map<string, string>();
  const phraseOf = (id: string): string => {
    const article = articles.get(id);
    if (!article) return '';
    const known = articlePhrases.get(id);
    if (known !== undefined) return known;
    const phrase = keyPhraseOfArticle(article.title, article.abstract);
    articlePhrases.set(id, phrase);
    return phrase;
  };
  const phrases = readers.map((reader) => ({
    signals: reader.signals.map((signal) =>
      keyPhraseOfSignal(signal, signal.articleId ? articles.get(signal.articleId) : undefined),
    ),
    clicks: reader.clicked.map(phraseOf).filter((phrase) => phrase !== ''),
  }));
  const unique = [...new Set(phrases.flatMap(({ signals, clicks }) => [...signals, ...clicks]))];
  const vectors = await embedder.embed(unique);
  const at = new Map(unique.map((text, i) => [text, i]));
  const vectorsOf = (texts: readonly string[]): Float32Array[] =>
    texts.map((text) => {
      const i = at.get(text) ?? 0;
      return vectors.subarray(i * embedder.dimensions, (i + 1) * embedder.dimensions);
    });
  const clusters = new Map<string, PhraseCluster[]>(
    readers.map((reader, i) => {
      const { signals, clicks } = phrases[i];
      return [reader.readerId, phraseClusters(signals, vectorsOf(signals), clicks, vectorsOf(clicks))];
    }),
  );
  return (reader, random) => weakLabel(clusters.get(reader.readerId) ?? [], random);
}
