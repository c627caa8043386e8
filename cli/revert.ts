/** `newshound revert`: what was served before is served again, as a new version: every version stays on record. */
import { ConfigError } from '../lib/errors.ts';
import { type ServedModel, undoneAfter } from '../lib/serving/served.ts';
import type { Artifacts } from '../lib/store/artifacts.ts';
import { pointerAt, readPointer, servingPointer, swapPointer } from '../lib/store/pointers.ts';
import type { Ref } from '../lib/store/ref.ts';

/** `to`: a version of `serving/current`; null: the one before. Throws ConfigError where there is none, or where its artifacts are gone; PointerConflict. */
export async function revert(artifacts: Artifacts, to: number | null): Promise<string> {
  const { bucket } = artifacts;
  const now = await readPointer<ServedModel>(bucket, servingPointer);
  if (now === null) throw new ConfigError('nothing is served yet, so there is nothing to go back to');
  if (to === null && now.value.undid !== undefined)
    throw new ConfigError(
      `version ${now.version} went back already, from student ${now.value.undid.slice(0, 12)}: once more would serve that again. Name a version with --to`,
    );
  const version = to ?? now.version - 1;
  if (version < 1 || version >= now.version)
    throw new ConfigError(
      now.version === 1
        ? 'what is served is the first that ever was: there is nothing to go back to'
        : `version ${version} is none to go back to: name one from 1 to ${now.version - 1} (version ${now.version} is served)`,
    );
  const before = await pointerAt<ServedModel>(bucket, servingPointer, version);
  const { student, cleaner, encoder, index, cleaned } = before;
  for (const ref of [student, cleaner, encoder, index, cleaned] as Ref[])
    if (!(await artifacts.isStored(ref)))
      throw new ConfigError(
        `version ${version} cannot be served any more: its ${ref.kind} ${ref.digest.slice(0, 12)} is gone`,
      );
  const undid = now.value.student.digest;
  const undone = undoneAfter({ ...now.value, undid }, student.digest);
  const next = await swapPointer(bucket, servingPointer, { ...before, undid, undone }, now);
  return `Version ${next.version} of what is served is version ${version} again: student ${student.digest.slice(0, 12)} instead of ${undid.slice(0, 12)}. Recall servers take it up within seconds`;
}
