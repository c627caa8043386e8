/** Canary lists: an honest one, and degenerate ones that a sound judge ranks below it. Scored every round; a judge that errs stops the run. */
import type { ArticleRow, Reader } from '../data/rows.ts';
import { JudgeError } from '../errors.ts';
import { embedTexts } from '../retrieval/embed-texts.ts';
import type { Embedder } from '../retrieval/embedder.ts';
import type { Judge, JudgeItem } from './judge.ts';
import { LINE_WORDS, LIST_LINES } from './prompt.ts';
import { keyPhraseOfArticle, keyPhraseOfSignal, phraseClusters } from './weak-labels.ts';
import { genericQueries } from './words.ts';

/** fixed: one specific list for every reader. copied: the longest signals as they are. repeated: one honest query, again and again. */
export const degenerateKinds = ['fixed', 'copied', 'repeated', 'generic', 'empty'] as const;
export type CanaryKind = 'honest' | (typeof degenerateKinds)[number];

/** Mean of coverage + specificity of each kind of list, over the readers that were judged; in [0, 2]. */
export type CanaryScores = Record<CanaryKind, number>;

export interface CanaryCheck {
  judge: Judge;
  embedder: Embedder;
  readers: readonly Reader[];
  /** Articles that readers clicked before. */
  articles: ReadonlyMap<string, ArticleRow>;
  /** From which the fixed list is taken: none of a pool that is evaluated. */
  old: readonly ArticleRow[];
  /** An honest list must beat each degenerate one by this. */
  margin: number;
}

/** Scores the canaries. Throws JudgeError where the judge ranks a degenerate kind too high, saying which. */
export async function checkCanaries(check: CanaryCheck): Promise<CanaryScores> {
  const scores = await scoreCanaries(check);
  const wrong = degenerateKinds.filter((kind) => !(scores.honest - scores[kind] >= check.margin));
  if (wrong.length > 0) {
    const figures = wrong.map((kind) => `${kind} ${scores[kind].toFixed(3)}`).join(', ');
    throw new JudgeError(
      `the judge scores honest canary lists ${scores.honest.toFixed(3)}, not by ${check.margin} above: ${figures}. Training on it would teach the wrong thing; change the judge or its model, or lower teacher.judge.canaryMargin knowingly`,
    );
  }
  return scores;
}

/** Mean judgement of each kind of canary. NaN where the judge answered for none of a kind. */
export async function scoreCanaries({ judge, embedder, readers, articles, old }: CanaryCheck): Promise<CanaryScores> {
  const honest = await honestLists(readers, articles, embedder);
  const fixed = fixedList(old);
  const withSignals = readers.filter((_, i) => honest[i].length > 0);
  const lists = withSignals.map((reader) => canariesOf(reader, honest[readers.indexOf(reader)], fixed));
  const items = withSignals.flatMap((reader, i) => kinds.map((kind) => ({ reader, queries: lists[i][kind] })));
  const judgements = await judge.judge(await embedded(items, embedder));
  const meanOf = (kind: CanaryKind): number => {
    const totals = judgements.filter((judgement, i) => judgement !== null && kinds[i % kinds.length] === kind);
    return (
      totals.reduce((sum, judgement) => sum + (judgement ? judgement.coverage + judgement.specificity : 0), 0) /
      totals.length
    );
  };
  return Object.fromEntries(kinds.map((kind) => [kind, meanOf(kind)])) as CanaryScores;
}

const kinds: readonly CanaryKind[] = ['honest', ...degenerateKinds];

/** All canaries of one reader. */
export function canariesOf(
  reader: Pick<Reader, 'signals'>,
  honest: readonly string[],
  fixed: readonly string[],
): Record<CanaryKind, readonly string[]> {
  const longest = [...new Set(reader.signals.map(({ text }) => text))].toSorted((a, b) => b.length - a.length);
  return {
    honest,
    fixed,
    copied: longest.slice(0, Math.max(LIST_LINES.least, honest.length)),
    repeated: Array.from({ length: LIST_LINES.most }, () => honest[0] ?? genericQueries[0]),
    generic: genericQueries,
    empty: [],
  };
}

/** One phrase for each of a reader's interests, in the order of the signals: what a careful reader of the signals would ask. */
async function honestLists(
  readers: readonly Reader[],
  articles: ReadonlyMap<string, ArticleRow>,
  embedder: Embedder,
): Promise<string[][]> {
  const phrases = readers.map(({ signals }) =>
    signals.map((signal) =>
      keyPhraseOfSignal(signal, signal.articleId === null ? undefined : articles.get(signal.articleId)),
    ),
  );
  const vectors = await embedTexts(phrases.flat(), embedder);
  return phrases.map((ofReader) => {
    const largest = phraseClusters(ofReader, ofReader.map(vectors.of)).toSorted((a, b) => b.length - a.length);
    return largest.slice(0, LIST_LINES.most).map(([first]) => first);
  });
}

/** Key phrases of articles far apart in the table: specific, and about no reader in particular. */
function fixedList(articles: readonly ArticleRow[]): string[] {
  const step = Math.max(1, Math.floor(articles.length / LIST_LINES.most));
  return articles
    .filter((_, i) => i % step === 0)
    .slice(0, LIST_LINES.most)
    .map(({ title, abstract }) => keyPhraseOfArticle(title, abstract).split(' ').slice(0, LINE_WORDS.most).join(' '));
}

async function embedded(items: readonly Omit<JudgeItem, 'embeddings'>[], embedder: Embedder): Promise<JudgeItem[]> {
  const vectors = await embedTexts(
    items.flatMap(({ queries }) => queries),
    embedder,
  );
  return items.map((item) => ({ ...item, embeddings: item.queries.map(vectors.of) }));
}
