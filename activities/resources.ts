/** Opened artifacts, kept while they are in use: a round must not read the dataset again. Bounded: the least recently used goes. */
import { type Dataset, openDataset } from '../lib/data/dataset.ts';
import type { Split } from '../lib/data/rows.ts';
import type { Judge } from '../lib/method/judge.ts';
import { createLocalJudge } from '../lib/method/local-judge.ts';
import { corpusStatistics } from '../lib/method/rubric.ts';
import type { JudgeSettings } from '../lib/pipeline/policy-settings.ts';
import { type AnnIndex, openIndex } from '../lib/retrieval/ann.ts';
import { type Embedder, openEmbedder } from '../lib/retrieval/embedder.ts';
import type { Artifacts } from '../lib/store/artifacts.ts';
import type { Ref } from '../lib/store/ref.ts';
import { type LanguageModel, loadLanguageModel } from '../lib/tensor/language-model.ts';
import { openJudge } from './judge.ts';

export interface Resources {
  dataset(ref: Ref): Promise<Dataset>;
  embedder(ref: Ref): Promise<Embedder>;
  index(ref: Ref, split: Split): Promise<AnnIndex>;
  judge(settings: JudgeSettings, dataset: Ref, encoder: Ref): Promise<Judge>;
  /** A fresh copy each time: training changes parameters in place. */
  model(ref: Ref): Promise<LanguageModel>;
}

const KEPT = 12;

export function createResources(artifacts: Artifacts): Resources {
  const kept = new Map<string, Promise<unknown>>();
  const keep = <T>(key: string, open: () => Promise<T>): Promise<T> => {
    const found = kept.get(key) as Promise<T> | undefined;
    const value = found ?? open();
    kept.delete(key);
    kept.set(key, value);
    value.catch(() => kept.delete(key));
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT) break;
      kept.delete(oldest);
    }
    return value;
  };

  const resources: Resources = {
    dataset: (ref) => keep(`dataset ${ref.digest}`, () => openDataset(artifacts, ref as Ref<'dataset'>)),
    embedder: (ref) => keep(`embedder ${ref.digest}`, async () => openEmbedder(await artifacts.folder(ref))),
    index: (ref, split) =>
      keep(`index ${ref.digest} ${split}`, async () => openIndex(await artifacts.folder(ref), split)),
    judge: (settings, dataset, encoder) =>
      keep(`judge ${JSON.stringify(settings)} ${dataset.digest} ${encoder.digest}`, async () => {
        if (settings.kind === 'openai') return openJudge(settings, artifacts, process.env);
        const { history, pool } = await resources.dataset(dataset);
        return createLocalJudge({
          corpus: corpusStatistics([...history, ...pool('train')]),
          embedder: await resources.embedder(encoder),
        });
      }),
    model: async (ref) => loadLanguageModel(await artifacts.folder(ref)),
  };
  return resources;
}
