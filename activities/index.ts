/** index: a text encoder, the embeddings of every split's fresh articles, and their ANN indexes. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Dataset, openDataset } from '../lib/data/dataset.ts';
import { splits } from '../lib/data/rows.ts';
import { ConfigError } from '../lib/errors.ts';
import type { IndexSettings } from '../lib/pipeline/stage-settings.ts';
import type { Json, StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import { articleText, buildIndex, embeddingsFile, recallAgainstExact } from '../lib/retrieval/ann.ts';
import { type Embedder, openEmbedder } from '../lib/retrieval/embedder.ts';
import { trainTextEncoder } from '../lib/retrieval/encoder.ts';
import type { FileContent } from '../lib/store/artifacts.ts';
import type { Ref } from '../lib/store/ref.ts';
import type { Deps } from './deps.ts';
import { madeBy } from './made-by.ts';

export interface IndexActivities {
  index(input: StageInput): Promise<StageOutput>;
}

/** Titles that look for their own article, to hold the graph against exact search. */
const PROBES = 200;

export function createIndexActivities(deps: Deps): IndexActivities {
  const { artifacts } = deps;
  return {
    async index(input) {
      const dataset = await openDataset(artifacts, input.inputs.cleaned as Ref<'dataset'>);
      const { embedder, files, facts } = await makeEncoder(dataset, input, deps);
      const encoder = await artifacts.put('encoder', files, madeBy(input));
      const folder = await mkdtemp(join(tmpdir(), 'newshound-index-'));
      try {
        const contents: Record<string, FileContent> = {};
        const recalls: number[] = [];
        let asked = 0;
        for (const [i, split] of splits.entries()) {
          deps.progress(0.8 + (0.2 * i) / splits.length, `indexing the ${split} pool`);
          const pool = dataset.pool(split);
          const ids = pool.map(({ article_id }) => article_id);
          const embeddings = await embedder.embed(pool.map(articleText));
          const index = buildIndex(ids, embeddings, embedder.dimensions);
          const path = join(folder, `${split}.usearch`);
          index.save(path);
          contents[`embeddings-${split}.arrow`] = embeddingsFile(ids, embeddings, embedder.dimensions);
          contents[`${split}.usearch`] = { path };
          if (split !== 'test') {
            const probes = pool.slice(0, PROBES).map(({ title }) => title);
            recalls.push(recallAgainstExact(index, await embedder.embed(probes), 10));
            asked += probes.length;
          }
        }
        const index = await artifacts.put('index', contents, madeBy(input, { encoder }));
        const annRecall = recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length;
        const articles = splits.reduce((sum, split) => sum + dataset.pool(split).length, 0);
        return {
          outputs: { encoder, index },
          facts: {
            ...facts,
            dimensions: embedder.dimensions,
            articles,
            ann_recall10: annRecall,
            ann_probes: asked,
          },
          headline: `${articles.toLocaleString('en')} articles in ${embedder.dimensions} dimensions; the index finds ${(100 * annRecall).toFixed(1)} % of the exact ten nearest`,
        };
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

interface MadeEncoder {
  embedder: Embedder;
  files: Record<string, FileContent>;
  facts: Record<string, Json>;
}

async function makeEncoder(dataset: Dataset, input: StageInput, deps: Deps): Promise<MadeEncoder> {
  const { index } = input.settings;
  if (index.encoder === 'trained') return trainEncoder(dataset, index, input.seed, deps);
  if (index.encoder === 'openai') {
    const files = {
      'encoder.json': Buffer.from(JSON.stringify({ type: 'openai', dimensions: index.dimensions, model: index.model })),
    };
    return { ...(await opened(files)), files, facts: { encoder: 'openai', model: index.model } };
  }
  if (index.path === '')
    throw new ConfigError(
      'index.encoder is onnx, but index.path is empty: name the folder with model.onnx and tokenizer.json',
    );
  const names = await readdir(index.path).catch((cause: unknown) => {
    throw new ConfigError(`index.path ${index.path} cannot be read: ${(cause as Error).message}`, { cause });
  });
  const files: Record<string, FileContent> = {
    'encoder.json': Buffer.from(JSON.stringify({ type: 'onnx', dimensions: index.dimensions })),
  };
  for (const name of names.filter((one) => /^[\w.-]+\.(?:onnx|json)$/.test(one) && one !== 'encoder.json'))
    files[name] = new Uint8Array(await readFile(join(index.path, name)));
  return { ...(await opened(files)), files, facts: { encoder: 'onnx' } };
}

async function trainEncoder(
  dataset: Dataset,
  settings: IndexSettings,
  seed: number,
  { threads, progress }: Deps,
): Promise<MadeEncoder> {
  const trained = await trainTextEncoder({
    articles: [...dataset.history, ...dataset.pool('train')],
    dimensions: settings.dimensions,
    steps: settings.steps,
    batch: settings.batch,
    learningRate: settings.learningRate,
    seed,
    threads,
    progress: (fraction, loss) => progress(0.8 * fraction, `training the text encoder: loss ${loss.toFixed(2)}`),
  });
  return {
    embedder: trained,
    files: trained.files(),
    facts: { encoder: 'trained', words: trained.words.length, loss: trained.loss },
  };
}

/** Opens an encoder from its files as the later stages will: a folder that does not work is refused here. */
async function opened(files: Readonly<Record<string, FileContent>>): Promise<{ embedder: Embedder }> {
  const folder = await mkdtemp(join(tmpdir(), 'newshound-encoder-'));
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content as Uint8Array);
    const embedder = await openEmbedder(folder);
    await embedder.embed(['a probe']);
    return { embedder };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
