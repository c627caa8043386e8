/** The judge that runs here: the rubric, over embeddings of the readers' signals. */
import type { Judge, JudgeItem } from './judge.ts';
import { type CorpusStatistics, judgeList, profileReader, type ReaderProfile } from './rubric.ts';
import { rowOf } from './vectors.ts';

/** What the judge needs of a text encoder (retrieval/embedder.ts): unit rows, zero rows for texts without a known word. */
export interface TextEmbedder {
  readonly dimensions: number;
  embed(texts: readonly string[]): Promise<Float32Array>;
}

/** A judge that always answers. A reader's signals are embedded once for as long as the reader object lives. */
export function createLocalJudge(options: { corpus: CorpusStatistics; embedder: TextEmbedder }): Judge {
  const { corpus, embedder } = options;
  const profiles = new WeakMap<JudgeItem['reader'], ReaderProfile>();

  const meet = async (readers: readonly JudgeItem['reader'][]): Promise<void> => {
    const fresh = [...new Set(readers)].filter((reader) => !profiles.has(reader));
    if (fresh.length === 0) return;
    const rows = await embedder.embed(fresh.flatMap(({ signals }) => signals.map(({ text }) => text)));
    let next = 0;
    for (const reader of fresh) {
      const embeddings = reader.signals.map(() => rowOf(rows, next++, embedder.dimensions));
      profiles.set(reader, profileReader(reader, embeddings));
    }
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
