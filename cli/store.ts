/** The artifact store for the length of one command. */
import { join } from 'node:path';
import { stateFolder } from '../infra/environment.ts';
import type { Say } from '../infra/say.ts';
import { hasOwnS3 } from '../infra/servers.ts';
import { openStorage } from '../infra/session.ts';
import { type Artifacts, createArtifacts } from '../lib/store/artifacts.ts';
import { createS3 } from '../lib/store/s3.ts';
import { createDisplay } from './display.ts';
import { printable } from './table.ts';
import { joinable } from './work.ts';

/** Prints what `text` makes of the store. */
export async function printed(text: (artifacts: Artifacts) => Promise<string>): Promise<void> {
  await withArtifacts(
    createDisplay(process.stdout),
    async (artifacts) => void process.stdout.write(`${printable(await text(artifacts))}\n`),
  );
}

/** The store that the environment `env` leads to. */
export function openArtifacts(env: NodeJS.ProcessEnv): Artifacts {
  return createArtifacts({ ...createS3(env), cacheFolder: join(stateFolder(env), 'cache') });
}

/** Runs `body` with the store (`doing`: for whoever must wait for it): that of the environment, that of the newshound at work here, or of an S3 server started for it. */
export async function withArtifacts(
  say: Say,
  body: (artifacts: Artifacts) => Promise<void>,
  doing = 'reading the store',
): Promise<void> {
  const { env } = process;
  const joined = hasOwnS3(env) ? { env } : joinable(env, 'any', 'store');
  if (joined !== null) return await body(openArtifacts(joined.env));
  const storage = await openStorage({ stateFolder: stateFolder(env), env, say, doing });
  try {
    await body(openArtifacts({ ...env, ...storage.env }));
  } finally {
    await storage.close();
  }
}
