/** The step cache and the record of runs: small documents that name artifacts. */
import { join } from 'node:path';
import { cacheKey } from '../lib/pipeline/cache-key.ts';
import { codeDigest, createSourceReader } from '../lib/pipeline/code-digest.ts';
import { outsideOf } from '../lib/pipeline/outside.ts';
import {
  type StageInput,
  stageNames,
  type StageName,
  type StageOutput,
  type StageSpec,
  stages,
} from '../lib/pipeline/stages.ts';
import type { ServedModel } from '../lib/serving/served.ts';
import { readPointer, servingPointer } from '../lib/store/pointers.ts';
import { ArtifactMissing } from '../lib/errors.ts';
import type { Ref } from '../lib/store/ref.ts';
import type { ControlActivities } from '../workflows/activities.ts';
import type { Deps } from './deps.ts';

/** What is kept of a step that ran. */
interface StepRecord {
  stage: string;
  step: string;
  run: string;
  output: StageOutput;
  seconds: number;
}

/** The outputs of the last finished run of a pipeline and profile. */
interface RunRecord {
  run: string;
  outputs: Record<string, Ref>;
}

/** `root` is the project's folder. The code digests are of the files as they are now: this process runs no newer ones. */
export function createCacheActivities(deps: Pick<Deps, 'artifacts' | 'modelsFolder'>, root: string): ControlActivities {
  const { artifacts } = deps;
  const digests = stageDigests(root);
  /** Of a promotion: only while it is served what was promoted. */
  const isStillTrue = async ({ stage, inputs }: StageInput, { output }: StepRecord): Promise<boolean> => {
    if (stage !== 'promote' || output.facts['outcome'] !== 'promoted') return true;
    const serving = await readPointer<ServedModel>(artifacts.bucket, servingPointer);
    return serving?.value.student.digest === inputs['student']?.digest;
  };

  return {
    async lookupStep(asked) {
      const code = digests[asked.stage];
      const input = { ...asked, code };
      const outside = await outsideOf(input, deps.modelsFolder);
      if (outside === null) return { key: null, code, output: null, seconds: 0 };
      const key = cacheKey(input, outside);
      const record = (await artifacts.getDocument(stepDocument(key))) as StepRecord | null;
      const usable =
        record !== null &&
        (await allStored(deps, Object.values(record.output.outputs))) &&
        (await isStillTrue(input, record));
      return { key, code, output: usable ? record.output : null, seconds: record?.seconds ?? 0 };
    },

    async recordStep({ key, input, output, seconds }) {
      const record: StepRecord = { stage: input.stage, step: input.step, run: input.run, output, seconds };
      await artifacts.putDocument(stepDocument(key), record);
    },

    async takeOutputs({ pipeline, profile, outputs }) {
      const record = (await artifacts.getDocument(runDocument(pipeline, profile))) as RunRecord | null;
      if (record === null) {
        throw new ArtifactMissing(`the last run of pipeline ${pipeline} with profile ${profile}`);
      }
      const missing = outputs.find((name) => record.outputs[name] === undefined);
      if (missing)
        throw new ArtifactMissing(`${missing} of run ${record.run} (pipeline ${pipeline}, profile ${profile})`);
      return Object.fromEntries(outputs.map((name) => [name, record.outputs[name]]));
    },

    async recordRun({ pipeline, profile, run, outputs }) {
      await artifacts.putDocument(runDocument(pipeline, profile), { run, outputs } satisfies RunRecord);
    },
  };
}

function stageDigests(root: string): Record<StageName, string> {
  const reader = createSourceReader();
  const entries = (stage: StageName): string[] => [
    join('activities', `${stage}.ts`),
    ...(stages[stage].runs === 'workflow' ? [join('workflows', `${stage}.ts`)] : []),
    ...((stages[stage] as StageSpec).alsoRuns ?? []),
  ];
  return Object.fromEntries(stageNames.map((stage) => [stage, codeDigest(root, entries(stage), reader)])) as Record<
    StageName,
    string
  >;
}

/** With every file: what a person deleted because it was damaged is made again. */
async function allStored({ artifacts }: Pick<Deps, 'artifacts'>, refs: readonly Ref[]): Promise<boolean> {
  const stored = await Promise.all(refs.map((ref) => artifacts.isStored(ref)));
  return stored.every(Boolean);
}

function stepDocument(key: string): string {
  return `steps/${key}.json`;
}

function runDocument(pipeline: string, profile: string): string {
  return `runs/${pipeline}/${profile}.json`;
}
