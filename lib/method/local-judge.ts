/** The judge that runs here: the rubric, over embeddings of the readers' signals. */
import type { Embedder } from '../retrieval/embedder.ts';
import type { Judge, JudgeItem } from './judge.ts';
import { type CorpusStatistics, judgeList, profileReader, type ReaderProfile } from './rubric.ts';
import { embedSignals } from './signal-vectors.ts';

/** A judge that always answers. A reader's signals are embedded once for as long as the reader object lives. */
export function createLocalJudge(options: { corpus: CorpusStatistics; embedder: Embedder }): Judge {
  const { corpus, embedder } = options;
  const profiles = new WeakMap<JudgeItem['reader'], ReaderProfile>();

  const meet = async (readers: readonly JudgeItem['reader'][]): Promise<void> => {
    const fresh = [...new Set(readers)].filter((reader) => !profiles.has(reader));
    if (fresh.length === 0) return;
    const embeddings = await embedSignals(fresh, embedder);
    fresh.forEach((reader, i) => profiles.set(reader, profileReader(reader, embeddings[i])));
  };

  return {
    async judge(batch) {
      await meet(batch.map(({ reader }) => reader));
      return batch.map(({ reader, queries, embeddings }) => {
        const profile = profiles.get(reader);
        return profile ? judgeList(profile, queries, embeddings, corpus) : null;
      });
    },
  };
}
