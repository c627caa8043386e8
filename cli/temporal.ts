/** A client of the Temporal cluster, and runs of pipelines on it. */
import { Client, Connection } from '@temporalio/client';
import type { temporalConnection } from '../infra/environment.ts';
import { ServerStartFailed } from '../lib/errors.ts';

export interface Connected {
  client: Client;
  close: () => Promise<void>;
}

/** Connects; throws ServerStartFailed, with the address, when nothing answers there within 10 s. */
export async function connectTemporal({
  namespace,
  connection,
}: ReturnType<typeof temporalConnection>): Promise<Connected> {
  let open: Connection;
  try {
    open = await Connection.connect({ ...connection, connectTimeout: 10_000 });
  } catch (error) {
    throw new ServerStartFailed(
      'Temporal',
      `nothing usable answers at ${connection.address}. Check NEWSHOUND_TEMPORAL_ADDRESS, TLS and API key (docs/operations.md)`,
      error,
    );
  }
  return { client: new Client({ connection: open, namespace }), close: () => open.close() };
}
