/** `npm test` and images: finds or makes the servers' binaries, so that what follows does not have to. */
import { NewshoundError } from '../lib/errors.ts';
import { findTool } from './find-tool.ts';
import { sayTo } from './say.ts';
import { hasOwnS3, hasOwnTemporal } from './servers.ts';
import { tools } from './tools.ts';

const say = sayTo(process.stdout);
try {
  for (const [tool, own] of [
    [tools.versitygw, hasOwnS3(process.env)],
    [tools.temporal, hasOwnTemporal(process.env)],
  ] as const) {
    if (own) continue;
    const { path } = await findTool(tool, { env: process.env, say });
    say.line(`${tool.title}: ${path}`);
  }
} catch (error) {
  if (!(error instanceof NewshoundError)) throw error;
  say.line(error.message);
  process.exitCode = 1;
}
