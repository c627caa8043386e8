/** The lineage that a stage writes into the manifests of what it makes. */
import type { StageInput } from '../lib/pipeline/stages.ts';
import { stages } from '../lib/pipeline/stages.ts';
import type { MadeBy } from '../lib/store/ref.ts';

/** Lineage of an artifact made by the stage of `input`, out of its inputs and of `more` (what it made on the way). */
export function madeBy(input: StageInput, more: MadeBy['inputs'] = {}): MadeBy {
  const { section } = stages[input.stage];
  return {
    stage: input.stage,
    step: input.step,
    run: input.run,
    settings: input.settings[section],
    code: input.code,
    inputs: { ...input.inputs, ...more },
    seed: input.seed,
  };
}
