/** What every process that runs activities needs: the artifact store and this machine's share of threads. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Deps } from '../activities/deps.ts';
import { type Environment, stateFolder, wholeNumber } from '../infra/environment.ts';
import { createArtifacts } from '../lib/store/artifacts.ts';
import { createS3 } from '../lib/store/s3.ts';
import { timedArtifacts } from './storage-clock.ts';

/** Reads NEWSHOUND_S3_*, NEWSHOUND_STATE, NEWSHOUND_THREADS and NEWSHOUND_MODELS. Throws ConfigError. */
export function sharedDeps(env: Environment): Pick<Deps, 'artifacts' | 'threads' | 'modelsFolder'> {
  const { s3, bucket } = createS3(env);
  const state = stateFolder(env);
  return {
    artifacts: timedArtifacts(createArtifacts({ s3, bucket, cacheFolder: join(state, 'cache') }), state),
    threads: threads(env),
    modelsFolder: env['NEWSHOUND_MODELS'] || join(import.meta.dirname, '..', 'models'),
  };
}

/** NEWSHOUND_THREADS, or every core. Throws ConfigError. */
export function threads(env: Environment): number {
  return wholeNumber(env, 'NEWSHOUND_THREADS', 1, 1024) ?? availableParallelism();
}
