/** The Temporal development server: one process, one SQLite file, the web UI inside. */
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { ServerStartFailed } from '../lib/errors.ts';
import { waitUntilReady } from './keep-alive.ts';
import { type Guard, type Launched, launch } from './processes.ts';

export interface TemporalPlan {
  binary: string;
  stateFolder: string;
  port: number;
  uiPort: number;
  /** Search attributes that the workflows set, with their types. */
  searchAttributes: Readonly<Record<string, 'Keyword' | 'Int' | 'Double' | 'Text' | 'Bool' | 'Datetime'>>;
}

export function temporalLog(stateFolder: string): string {
  return join(stateFolder, 'logs', 'temporal.log');
}

/** Starts the server on 127.0.0.1 and waits until it answers for the namespace `default`. Throws ServerStartFailed. */
export async function startTemporal(plan: TemporalPlan, guard: Guard): Promise<Launched> {
  const logFile = temporalLog(plan.stateFolder);
  const args = [
    'server',
    'start-dev',
    '--ip',
    '127.0.0.1',
    '--port',
    String(plan.port),
    '--ui-port',
    String(plan.uiPort),
  ];
  args.push('--db-filename', join(plan.stateFolder, 'temporal.db'));
  // The write-ahead log survives a killed process; a killed machine may lose the last moments, which the workflows repeat.
  args.push('--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL');
  for (const setting of dynamicConfig) args.push('--dynamic-config-value', setting);
  for (const [name, type] of Object.entries(plan.searchAttributes)) args.push('--search-attribute', `${name}=${type}`);
  args.push('--log-level', 'warn');
  for (let attempt = 1; ; attempt++) {
    const launched = await launch({ name: 'Temporal', command: plan.binary, args, logFile }, guard);
    try {
      return await waitUntilReady(launched, logFile, 60_000, () => prepareNamespace(`127.0.0.1:${plan.port}`));
    } catch (error) {
      // It picks more ports for itself, free at that moment; any connection of this machine may be given one before it listens.
      const isPortLost = error instanceof ServerStartFailed && error.message.includes('address already in use');
      if (!isPortLost || attempt === ATTEMPTS) throw error;
    }
  }
}

const ATTEMPTS = 3;

/**
 * The server reads each of its task queues 20 times a second at most, so every hop of a lone workflow waits up to 50 ms; with the one
 * shard of a development server that is all there is. Measured, one activity after another: 79 ms before, 30 ms after.
 * Eager execution: an activity on the workflow's own queue goes out with the workflow task, without any hop.
 */
const dynamicConfig = [
  'history.transferProcessorMaxPollRPS=1000',
  'history.timerProcessorMaxPollRPS=1000',
  'history.visibilityProcessorMaxPollRPS=100',
  'system.enableActivityEagerExecution=true',
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
];

const retentionDays = 30;

/** True once the namespace answers; makes finished runs stay visible for 30 days. */
async function prepareNamespace(address: string): Promise<boolean> {
  let connection: Connection;
  try {
    connection = await Connection.connect({ address, connectTimeout: 1_000 });
  } catch {
    return false;
  }
  try {
    await connection.workflowService.updateNamespace({
      namespace: 'default',
      config: { workflowExecutionRetentionTtl: { seconds: (retentionDays * 86_400) as never } },
    });
    return true;
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}
