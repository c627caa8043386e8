/** A client of the Temporal cluster. */
import { Client, Connection } from '@temporalio/client';
import type { temporalConnection } from '../infra/environment.ts';
import { ServerStartFailed } from '../lib/errors.ts';

/**
 * Connects; throws ServerStartFailed, with the address, when nothing answers there within 10 s. There is no closing: a call that waits
 * for its next try throws out of a timer when its channel is closed, so channels are left to the end of the process.
 */
export async function connectTemporal({
  namespace,
  connection,
}: ReturnType<typeof temporalConnection>): Promise<Client> {
  try {
    return new Client({ connection: await Connection.connect({ ...connection, connectTimeout: 10_000 }), namespace });
  } catch (error) {
    throw new ServerStartFailed(
      'Temporal',
      `nothing usable answers at ${connection.address}. Check NEWSHOUND_TEMPORAL_ADDRESS, TLS and API key (docs/operations.md)`,
      error,
    );
  }
}
