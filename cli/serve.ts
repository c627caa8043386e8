/** `newshound serve`: the recall server of what is promoted, until Ctrl-C. */
import type { Say } from '../infra/say.ts';
import { serveCurrent } from '../workers/recall.ts';
import { threads } from '../workers/shared-deps.ts';
import { withArtifacts } from './store.ts';

export interface ServeRequest {
  /** Null: NEWSHOUND_RECALL_PORT, NEWSHOUND_RECALL_HOST or their defaults. */
  port: string | null;
  host: string | null;
}

/** Throws ConfigError while nothing has been promoted, PortTaken. */
export async function serve({ port, host }: ServeRequest, say: Say): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  const env = {
    ...process.env,
    ...(port === null ? {} : { NEWSHOUND_RECALL_PORT: port }),
    ...(host === null ? {} : { NEWSHOUND_RECALL_HOST: host }),
  };
  await withArtifacts(
    say,
    (artifacts) =>
      serveCurrent({
        artifacts,
        threads: threads(process.env),
        env,
        say: say.line,
        stopped: stop.signal,
      }),
    'serving what is promoted',
  );
}
