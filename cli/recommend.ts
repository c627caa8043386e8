/** `newshound recommend`: one reader's signals, the queries that the student writes for them, and what those recall. */
import { ArtifactMissing, ConfigError } from '../lib/errors.ts';
import { openDataset } from '../lib/data/dataset.ts';
import type { Reader, Split } from '../lib/data/rows.ts';
import type { RolloutSettings } from '../lib/pipeline/policy-settings.ts';
import { openIndex } from '../lib/retrieval/ann.ts';
import { openEmbedder } from '../lib/retrieval/embedder.ts';
import { createRecallService } from '../lib/serving/service.ts';
import type { Artifacts } from '../lib/store/artifacts.ts';
import type { Ref } from '../lib/store/ref.ts';
import { createDecoder } from '../lib/tensor/decoder.ts';
import { loadLanguageModel } from '../lib/tensor/language-model.ts';
import { threads } from '../workers/shared-deps.ts';
import { fit } from './table.ts';

export interface Question {
  /** The run whose student, encoder and index are asked: the last finished one of this pipeline and profile. */
  pipeline: string;
  profile: string;
  rollout: RolloutSettings;
  readerId: string;
  articles: number;
}

/** The text to print. Throws ArtifactMissing when no such run has finished, ConfigError for a reader that is not in its data. */
export async function recommend(artifacts: Artifacts, question: Question): Promise<string> {
  const outputs = await lastOutputs(artifacts, question);
  const dataset = await openDataset(artifacts, outputs('cleaned') as Ref<'dataset'>);
  const readers = (['test', 'dev', 'train'] as const satisfies Split[]).flatMap((split) => dataset.readers(split));
  const reader = readers.find(({ readerId }) => readerId === question.readerId);
  if (reader === undefined) {
    const some = readers.slice(0, 3).map(({ readerId }) => readerId);
    throw new ConfigError(
      `there is no reader "${question.readerId}" in the last run's data; readers are named like ${some.join(', ')}`,
    );
  }
  const index = await openIndex(await artifacts.folder(outputs('index')), reader.split);
  const model = loadLanguageModel(await artifacts.folder(outputs('student')));
  const decoder = createDecoder(model, { threads: threads(process.env) });
  try {
    const service = createRecallService({
      decoder,
      tokenizer: model.tokenizer,
      settings: question.rollout,
      embedder: await openEmbedder(await artifacts.folder(outputs('encoder'))),
      index,
      popular: [],
      cleaner: null,
    });
    const { readerId, signals } = reader;
    const [answer] = await service.recall([{ readerId, signals, paths: ['queries'], depth: question.articles }]);
    const titles = (answer.recalled.queries ?? []).map((id) => dataset.articles.get(id)?.title ?? id);
    return page(reader, answer.queries, titles);
  } finally {
    await decoder.release();
  }
}

function page(reader: Reader, queries: readonly string[], titles: readonly string[]): string {
  const line = (text: string) => `  ${fit(text, 110)}`;
  return [
    `Reader ${reader.readerId} (${reader.split}${reader.cold ? ', cold' : ''})`,
    '',
    'Signals, oldest first',
    ...reader.signals.map(({ kind, text }) => line(`${kind.padEnd(7)} ${text}`)),
    '',
    'Queries of the student',
    ...(queries.length === 0 ? [line('none')] : queries.map(line)),
    '',
    'Fresh articles recalled',
    ...titles.map((title, i) => line(`${String(i + 1).padStart(2)}  ${title}`)),
  ].join('\n');
}

async function lastOutputs(artifacts: Artifacts, { pipeline, profile }: Question): Promise<(name: string) => Ref> {
  const key = `runs/${pipeline}/${profile}.json`;
  const record = (await artifacts.getDocument(key)) as { outputs: Record<string, Ref> } | null;
  if (record === null) throw new ArtifactMissing(`a finished run of pipeline ${pipeline} with profile ${profile}`);
  return (name) => {
    const ref = record.outputs[name];
    if (ref === undefined)
      throw new ArtifactMissing(`${name} of the last run of pipeline ${pipeline} with profile ${profile}`);
    return ref;
  };
}
