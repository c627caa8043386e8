/** What the three workers have in common: the connection, a short shutdown, and logs that hold no reader's text. */
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { type Environment, temporalConnection } from '../infra/environment.ts';
import { ServerStartFailed } from '../lib/errors.ts';
import { taskQueue } from '../lib/pipeline/plan.ts';

export type Options = Omit<WorkerOptions, 'connection' | 'namespace' | 'taskQueue'>;

export interface RunWorkerOptions {
  env: Environment;
  /** Short name of the task queue. */
  queue: string;
  options: Options;
  /** Called when the worker polls. */
  onRunning?: () => void;
}

/** Runs a worker until SIGINT, SIGTERM or SIGHUP. Rejects when Temporal cannot be reached at all, or the worker breaks. */
export async function runWorker({ env, queue, options, onRunning }: RunWorkerOptions): Promise<void> {
  installRuntime();
  const { namespace, connection: address } = temporalConnection(env);
  const connection = await connect(address);
  try {
    const worker = await Worker.create({
      ...options,
      connection,
      namespace,
      taskQueue: taskQueue(queue),
      identity: `${queue}-${process.pid}`,
      shutdownGraceTime: '2 seconds',
      shutdownForceTime: '7 seconds',
    });
    const running = worker.run();
    onRunning?.();
    await running;
  } finally {
    await connection.close();
  }
}

function installRuntime(): void {
  Runtime.install({
    logger: new DefaultLogger('INFO'),
    telemetryOptions: { logging: { forward: {}, filter: 'temporalio_sdk_core=WARN' } },
    shutdownSignals: ['SIGINT', 'SIGTERM', 'SIGHUP'],
  });
}

async function connect(address: ReturnType<typeof temporalConnection>['connection']): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(address);
  } catch (cause) {
    throw new ServerStartFailed('worker', `Temporal does not answer at ${address.address}`, cause);
  }
}
