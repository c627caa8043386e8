/** Training state as an artifact: parameters, both moments, steps. A learner loaded from it goes on equal to the bit. */
import type { Artifacts } from '../lib/store/artifacts.ts';
import type { MadeBy, Ref } from '../lib/store/ref.ts';
import { asFloat32, asStored, readSafetensors, writeSafetensors } from '../lib/store/safetensors.ts';
import type { Parameters } from '../lib/tensor/parameters.ts';
import type { TrainerState } from '../lib/tensor/trainer.ts';

const parts = ['parameters', 'first', 'second'] as const;

/** Stores a state in float32: nothing is lost. */
export function saveLearner(artifacts: Artifacts, state: TrainerState, madeBy: MadeBy): Promise<Ref<'learner'>> {
  const files: Record<string, Uint8Array> = { 'state.json': Buffer.from(JSON.stringify({ step: state.step })) };
  for (const part of parts) {
    files[`${part}.safetensors`] = writeSafetensors(
      new Map([...state[part]].map(([name, { shape, data }]) => [name, asStored(shape, data, 'F32')])),
    );
  }
  return artifacts.put('learner', files, madeBy);
}

/** Reads it back. Throws ArtifactCorrupt, CheckpointError. */
export async function loadLearner(artifacts: Artifacts, ref: Ref<'learner'>): Promise<TrainerState> {
  const { step } = JSON.parse(Buffer.from(await artifacts.read(ref, 'state.json')).toString('utf8')) as {
    step: number;
  };
  const [parameters, first, second] = [
    await loadPart(artifacts, ref, 'parameters'),
    await loadPart(artifacts, ref, 'first'),
    await loadPart(artifacts, ref, 'second'),
  ];
  return { step, parameters, first, second };
}

/** One part of it: the parameters alone are a third of the bytes. */
export async function loadPart(
  artifacts: Artifacts,
  ref: Ref<'learner'>,
  part: (typeof parts)[number],
): Promise<Parameters> {
  const tensors = readSafetensors(await artifacts.read(ref, `${part}.safetensors`));
  return new Map(
    [...tensors].map(([name, tensor]) => [name, { shape: [...tensor.shape], data: asFloat32(tensor, name, part) }]),
  );
}
