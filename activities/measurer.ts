/** A policy on readers of one split: it writes lists, the judge scores them, and the readers' next clicks judge what they recall. */
import type { Reader, Split } from '../lib/data/rows.ts';
import type { RankingMetrics } from '../lib/method/metrics.ts';
import type { StageInput } from '../lib/pipeline/stages.ts';
import type { Label } from '../lib/random.ts';
import type { AnnIndex } from '../lib/retrieval/ann.ts';
import type { Embedder } from '../lib/retrieval/embedder.ts';
import { createDecoder } from '../lib/tensor/decoder.ts';
import type { LanguageModel } from '../lib/tensor/language-model.ts';
import { type WrittenList, writeLists } from '../lib/training/lists.ts';
import { judgeRanking, recallArticles } from '../lib/training/recall.ts';
import { type Score, scoreLists } from '../lib/training/scoring.ts';
import type { Deps } from './deps.ts';
import type { Resources } from './resources.ts';

export interface Measurer {
  readonly readers: readonly Reader[];
  readonly embedder: Embedder;
  readonly index: AnnIndex;
  /**
   * `samples` lists of each reader (or of `signalsOf` the same readers), in the readers' order. `stream` names the looks that share
   * their random numbers: what then differs between two policies is the policies.
   */
  write(model: LanguageModel, request: WriteRequest): Promise<WrittenList[][]>;
  /** Rewards of lists of the readers, [reader][list]. */
  rewards(lists: readonly WrittenList[][], progress: (fraction: number) => void): Promise<Score[][]>;
  /** Ranked positions of each reader's queries. */
  recall(queries: readonly (readonly string[])[]): Promise<Int32Array[]>;
  /** Metrics of each reader's ranked positions. */
  judge(ranked: readonly Int32Array[]): RankingMetrics[];
}

export interface WriteRequest {
  samples: number;
  stream: Label;
  signalsOf?: readonly Reader[];
  progress?: (fraction: number) => void;
}

/** On the first `limit` readers of the split, by id. */
export async function createMeasurer(
  input: StageInput,
  { split, limit }: { split: Split; limit?: number },
  resources: Resources,
  { threads }: Pick<Deps, 'threads'>,
): Promise<Measurer> {
  const { teacher } = input.settings;
  const dataset = await resources.dataset(input.inputs.cleaned);
  const embedder = await resources.embedder(input.inputs.encoder);
  const index = await resources.index(input.inputs.index, split);
  const readers = dataset.readers(split).slice(0, limit);
  return {
    readers,
    embedder,
    index,
    async write(model, { samples, stream, signalsOf, progress }) {
      const decoder = createDecoder(model, { threads });
      try {
        return await writeLists(signalsOf ?? readers, {
          decoder,
          tokenizer: model.tokenizer,
          settings: teacher.rollout,
          samples,
          stream: (readerId, sample) => [input.seed, stream, readerId, sample],
          progress,
        });
      } finally {
        await decoder.release();
      }
    },
    rewards: async (lists, progress) =>
      scoreLists(readers, lists, {
        embedder,
        index,
        judge: await resources.judge(teacher.judge, input.inputs.cleaned, input.inputs.encoder),
        weights: teacher.weights,
        progress,
      }),
    recall: (queries) => recallArticles(queries, embedder, index),
    judge: (ranked) => judgeRanking(readers, ranked, index.articleIds),
  };
}
