/** What the recall server serves: a student with its encoder, opened over the fresh articles of a dataset. */
import { type Dataset, openDataset } from '../data/dataset.ts';
import type { RolloutSettings } from '../pipeline/policy-settings.ts';
import { type AnnIndex, articleText, buildIndex, openIndex } from '../retrieval/ann.ts';
import { type Embedder, openEmbedder } from '../retrieval/embedder.ts';
import type { Artifacts } from '../store/artifacts.ts';
import type { Ref } from '../store/ref.ts';
import { createDecoder } from '../tensor/decoder.ts';
import { type LanguageModel, loadLanguageModel } from '../tensor/language-model.ts';
import { countParameters } from '../tensor/parameters.ts';
import { openCleaner } from '../training/cleaner.ts';
import { popularArticles } from './popular.ts';
import { createRecallService, type RecallService } from './service.ts';

/** What the pointer `servingPointer` points at: all that it takes to serve. */
export interface ServedModel {
  student: Ref<'model'>;
  /** Cleans what readers' signals come as. */
  cleaner: Ref<'cleaner'>;
  encoder: Ref<'encoder'>;
  index: Ref<'index'>;
  /** Whose fresh articles (test pool) the index holds. */
  cleaned: Ref<'dataset'>;
  /** How the student was trained to write, and writes. */
  rollout: RolloutSettings;
  /** Digest of the student that somebody went back from, to this. */
  undid?: string;
  /** All such digests so far: none of these students is promoted again without a person. */
  undone?: string[];
}

/** The `undone` of a version after `now` that serves `student`: not that one, which a person wants again or nobody went back from. */
export function undoneAfter(now: ServedModel | undefined, student: string): string[] {
  const { undid, undone = [] } = now ?? {};
  return [...new Set([...undone, ...(undid === undefined ? [] : [undid])])].filter((digest) => digest !== student);
}

/** Asked by the recall app; `student` names it in /health. */
export interface Serving {
  service: RecallService;
  student: string;
  /** When it was last known to be what is promoted, in milliseconds since 1970; not set where it serves one arm of a test. */
  checkedAt?: number;
}

export interface OpenedModel extends Serving {
  /** Frees the model once the batch in hand is answered. Nothing may be asked after. */
  release(): Promise<void>;
}

export interface OpenOptions {
  threads: number;
  /** Recall the fresh articles of this dataset instead, embedded now where they are not those of the index: both arms of a test see the same news. */
  articles?: Ref<'dataset'>;
}

/** Readers answered before the first request: a shape of batch that is met for the first time is compiled, which takes a while. */
const WARM_UP = [4, 3, 2, 1];

/** Parameters below which one thread serves. */
const SMALL_MODEL = 20_000_000;

/**
 * Threads that a served model gets of those there are. Threads that share a small matrix wait for each other in a spin: beside other
 * work, one alone is several times faster (base-s, two busy cores: 19 ms a reader against 108).
 */
export function servingThreads({ parameters }: Pick<LanguageModel, 'parameters'>, threads: number): number {
  return countParameters(parameters) < SMALL_MODEL ? 1 : threads;
}

/** Throws ArtifactMissing, ArtifactCorrupt, CheckpointError. */
export async function openServed(
  artifacts: Artifacts,
  served: ServedModel,
  { threads, articles = served.cleaned }: OpenOptions,
): Promise<OpenedModel> {
  const model = loadLanguageModel(await artifacts.folder(served.student));
  const embedder = await openEmbedder(await artifacts.folder(served.encoder));
  const dataset = await openDataset(artifacts, articles);
  const index =
    articles.digest === served.cleaned.digest
      ? await openIndex(await artifacts.folder(served.index), 'test')
      : await indexOf(dataset, embedder);
  const decoder = createDecoder(model, { threads: servingThreads(model, threads) });
  const cleaner = await openCleaner(await artifacts.folder(served.cleaner), 1);
  const service = createRecallService({
    decoder,
    tokenizer: model.tokenizer,
    settings: served.rollout,
    embedder,
    index,
    popular: popularArticles(dataset),
    cleaner,
  });
  const free = async (): Promise<void> => {
    await decoder.release();
    await cleaner.release();
  };
  await warmUp(service, dataset).catch(async (error: unknown) => {
    await free();
    throw error;
  });
  let pending: Promise<unknown> = Promise.resolve();
  return {
    student: served.student.digest,
    service: {
      recall: (requests) => {
        const answers = service.recall(requests);
        pending = answers.catch(() => undefined);
        return answers;
      },
    },
    release: async () => {
      await pending;
      await free();
    },
  };
}

async function indexOf(dataset: Dataset, embedder: Embedder): Promise<AnnIndex> {
  const pool = dataset.pool('test');
  return buildIndex(
    pool.map(({ article_id }) => article_id),
    await embedder.embed(pool.map(articleText)),
    embedder.dimensions,
  );
}

async function warmUp(service: RecallService, dataset: Dataset): Promise<void> {
  const readers = dataset.readers('train');
  let next = 0;
  for (const count of WARM_UP) {
    const some = readers.slice(next, next + count);
    next += count;
    await service.recall(
      some.map(({ readerId, signals }) => ({ readerId, signals, paths: ['last_click', 'queries'], depth: 10 })),
    );
  }
}
