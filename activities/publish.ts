/** publish: every reader's queries as Arrow and Parquet, and the student as a Hugging Face folder with its card, and as ONNX. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Dataset, DatasetProfile } from '../lib/data/dataset.ts';
import { splits, type Reader } from '../lib/data/rows.ts';
import { schemas } from '../lib/data/tables.ts';
import type { PublishSettings } from '../lib/pipeline/stage-settings.ts';
import type { StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import { type ModelCard, modelCard } from '../lib/report/model-card.ts';
import { servingThreads } from '../lib/serving/served.ts';
import { servedStream } from '../lib/serving/service.ts';
import { encodeTable } from '../lib/store/arrow.ts';
import type { FileContent } from '../lib/store/artifacts.ts';
import { writeParquet } from '../lib/store/parquet.ts';
import type { Ref } from '../lib/store/ref.ts';
import type { FloatDtype } from '../lib/store/safetensors.ts';
import { createDecoder } from '../lib/tensor/decoder.ts';
import type { LanguageModel } from '../lib/tensor/language-model.ts';
import { countParameters } from '../lib/tensor/parameters.ts';
import { publishLanguageModel } from '../lib/tensor/published-model.ts';
import { writeLists } from '../lib/training/lists.ts';
import type { Evaluation, Experiment } from '../lib/training/results.ts';
import type { Deps } from './deps.ts';
import { madeBy } from './made-by.ts';
import { createResources } from './resources.ts';
import { readRows } from './tables.ts';

export interface PublishActivities {
  publish(input: StageInput): Promise<StageOutput>;
}

const storedTypes = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const satisfies Record<
  PublishSettings['weights'],
  FloatDtype
>;

interface QueryRow {
  reader_id: string;
  queries: string[];
}

export function createPublishActivities(deps: Deps): PublishActivities {
  const { artifacts } = deps;
  const resources = createResources(artifacts);

  const json = async <T>(ref: Ref, file: string): Promise<T> =>
    JSON.parse(Buffer.from(await artifacts.read(ref, file)).toString('utf8')) as T;

  /** As the recall server would answer them now. */
  const queriesOf = async (input: StageInput, model: LanguageModel): Promise<QueryRow[]> => {
    const dataset = await resources.dataset(input.inputs.cleaned);
    const decoder = createDecoder(model, { threads: servingThreads(model, deps.threads) });
    try {
      const lists = await writeLists(readersOf(dataset, input.settings.publish.split), {
        decoder,
        tokenizer: model.tokenizer,
        settings: input.settings.teacher.rollout,
        samples: 1,
        stream: servedStream,
        progress: (fraction) => deps.progress(0.9 * fraction, 'queries of all readers'),
      });
      return lists.map(([{ readerId, queries }]) => ({ reader_id: readerId, queries }));
    } finally {
      await decoder.release();
    }
  };

  const distillationOf = async (log: Ref<'log'>): Promise<ModelCard['distillation']> => {
    const losses = (await readRows(artifacts, 'log', [log]))
      .filter(({ metric }) => metric === 'on_policy')
      .map(({ value }) => value);
    if (losses.length === 0) return null;
    const end = losses.slice(-Math.ceil(losses.length / 10));
    return { steps: losses.length, first: losses[0], last: end.reduce((sum, loss) => sum + loss, 0) / end.length };
  };

  return {
    async publish(input) {
      const { cleaned, student, studentLog, evaluation, experiment } = input.inputs;
      const { weights, shardMegabytes, onnx } = input.settings.publish;
      const model = await resources.model(student);
      const rows = await queriesOf(input, model);
      deps.progress(0.9, 'storing queries, student and card');
      const card = modelCard({
        source: (await json<DatasetProfile>(cleaned, 'profile.json')).source,
        student: { digest: student.digest, parameters: countParameters(model.parameters), weights, onnx },
        rollout: input.settings.teacher.rollout,
        distillation: await distillationOf(studentLog as Ref<'log'>),
        seed: input.seed,
        evaluation: await json<Evaluation>(evaluation, 'evaluation.json'),
        experiment: experiment ? await json<Experiment>(experiment, 'experiment.json') : null,
        readers: rows.length,
      });
      const scratch = await mkdtemp(join(tmpdir(), 'newshound-publish-'));
      try {
        const parquet = join(scratch, 'queries.parquet');
        await writeParquet(parquet, schemas.queries, rows);
        const files: Record<string, FileContent> = {
          'queries.arrow': encodeTable(schemas.queries, rows),
          'queries.parquet': { path: parquet },
          'student/README.md': Buffer.from(card),
        };
        const folder = join(scratch, 'student');
        publishLanguageModel(model, folder, {
          dtype: storedTypes[weights],
          maxShardBytes: shardMegabytes * 1e6,
          onnx,
        });
        for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
          const path = join(entry.parentPath, entry.name);
          if (entry.isFile()) files[`student/${relative(folder, path)}`] = { path };
        }
        const published = await artifacts.put('published', files, madeBy(input));
        const written = rows.reduce((sum, { queries }) => sum + queries.length, 0);
        const perReader = written / Math.max(1, rows.length);
        return {
          outputs: { published },
          facts: { readers: rows.length, queries: written, queries_per_reader: perReader },
          headline: `${written.toLocaleString('en')} queries of ${rows.length.toLocaleString('en')} readers (${perReader.toFixed(1)} each), and the student with its card`,
        };
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
    },
  };
}

/** Readers of a split, or of all: who is in several stands as in the latest. */
function readersOf(dataset: Dataset, split: PublishSettings['split']): Reader[] {
  if (split !== 'all') return dataset.everyReader(split);
  const latest = new Map<string, Reader>();
  for (const one of splits) for (const reader of dataset.everyReader(one)) latest.set(reader.readerId, reader);
  return [...latest.values()];
}
