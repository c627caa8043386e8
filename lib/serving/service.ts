/** Recall for one portal: a reader's signals in, fresh articles out, by the paths that were asked for. */
import { maskPersonalData } from '../method/masking.ts';
import { createHash } from 'node:crypto';
import type { Reader, Signal } from '../data/rows.ts';
import type { RolloutSettings } from '../pipeline/policy-settings.ts';
import type { Label } from '../random.ts';
import type { AnnIndex } from '../retrieval/ann.ts';
import type { Embedder } from '../retrieval/embedder.ts';
import type { Decoder } from '../tensor/decoder.ts';
import type { Tokenizer } from '../tensor/tokenizer.ts';
import type { Cleaner } from '../training/cleaner.ts';
import { writeLists } from '../training/lists.ts';
import { recallArticles } from '../training/recall.ts';
import { cleanSignals } from './clean-signals.ts';

/** `popular`: newest of the categories clicked before (popular.ts). `last_click`: nearest to the last click. `queries`: the student's list. */
export const recallPaths = ['popular', 'last_click', 'queries'] as const;
export type RecallPath = (typeof recallPaths)[number];

/** What a request may hold: signals, and characters in each. */
export const recallLimits = { signals: 200, text: 2000, depth: 200 } as const;

export interface RecallRequest {
  readerId: string;
  signals: Signal[];
  paths: RecallPath[];
  /** Articles a path. */
  depth: number;
}

export interface RecallAnswer {
  queries: string[];
  /** Positions' article ids, best first, by path. */
  recalled: Partial<Record<RecallPath, string[]>>;
}

export interface RecallService {
  /** Answers of a batch, in its order: one decode for all its readers. */
  recall(requests: readonly RecallRequest[]): Promise<RecallAnswer[]>;
}

export interface ServiceParts {
  decoder: Decoder;
  tokenizer: Tokenizer;
  settings: RolloutSettings;
  embedder: Embedder;
  index: AnnIndex;
  /** Article ids of the index, most promising first. */
  popular: readonly string[];
  /** Of signals as they come; null where they come cleaned. */
  cleaner: Pick<Cleaner, 'kinds' | 'threshold' | 'probabilities'> | null;
}

/** Readers whose list is remembered: a list changes only when the reader's signals do. */
const REMEMBERED = 50_000;

/** The random stream of a reader's one list: the same live and in the published table. */
export function servedStream(readerId: string): Label[] {
  return [0, 'serve', readerId];
}

export function createRecallService({
  decoder,
  tokenizer,
  settings,
  embedder,
  index,
  popular,
  cleaner,
}: ServiceParts): RecallService {
  const remembered = new Map<string, string[]>();

  const queriesOf = async (requests: readonly RecallRequest[]): Promise<string[][]> => {
    const keys = requests.map(({ readerId, signals }) =>
      createHash('sha256')
        .update(JSON.stringify([readerId, signals]))
        .digest('base64'),
    );
    const fresh = requests.filter((_, i) => !remembered.has(keys[i]));
    const readers = fresh.map(
      ({ readerId, signals }): Reader => ({ readerId, signals, split: 'test', cutoff: 0, cold: false, clicked: [] }),
    );
    // A lone list takes another path through the matrix products and differs in the last bits. Written twice, it is what it is in any company.
    const lists = await writeLists(readers.length === 1 ? [...readers, ...readers] : readers, {
      decoder,
      tokenizer,
      settings,
      samples: 1,
      stream: servedStream,
    });
    const answers = requests.map((_, i) => remembered.get(keys[i]) ?? lists[fresh.indexOf(requests[i])][0].queries);
    answers.forEach((queries, i) => remembered.set(keys[i], queries));
    for (const key of remembered.keys()) {
      if (remembered.size <= REMEMBERED) break;
      remembered.delete(key);
    }
    return answers;
  };

  return {
    async recall(asked) {
      const requests = cleaner === null ? asked : await withClean(asked, cleaner);
      const writers = requests.filter(({ paths }) => paths.includes('queries'));
      const lists = await queriesOf(writers);
      const depth = Math.max(1, ...requests.map((request) => request.depth));
      // The portal's own path: what the student's cleaning takes for noise is none of its business.
      const lastClicks = asked.map(({ signals }) => signals.findLast((signal) => signal.kind === 'click')?.text);
      const [byQueries, byClick] = await Promise.all([
        recallArticles(lists, embedder, index, depth),
        recallArticles(
          lastClicks.map((text) => (text ? [maskPersonalData(text).text] : [])),
          embedder,
          index,
          depth,
        ),
      ]);
      const idsAt = (positions: Int32Array, count: number): string[] =>
        Array.from(positions.subarray(0, count), (position) => index.articleIds[position]);
      return requests.map((request, i) => {
        const writer = writers.indexOf(request);
        const recalled: RecallAnswer['recalled'] = {};
        if (request.paths.includes('popular')) recalled.popular = popular.slice(0, request.depth);
        if (request.paths.includes('last_click')) recalled.last_click = idsAt(byClick[i], request.depth);
        if (writer >= 0) recalled.queries = idsAt(byQueries[writer], request.depth);
        return { queries: writer >= 0 ? lists[writer] : [], recalled };
      });
    },
  };
}

async function withClean(
  requests: readonly RecallRequest[],
  cleaner: NonNullable<ServiceParts['cleaner']>,
): Promise<RecallRequest[]> {
  const signals = await cleanSignals(
    requests.map((request) => request.signals),
    cleaner,
  );
  return requests.map((request, i) => ({ ...request, signals: signals[i] }));
}
