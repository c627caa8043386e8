/** A worker with the project's workflows and activities of a test's own, on a real server: for what workflows decide, whatever activities make. */
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { join } from 'node:path';
import { temporalConnection } from '../../infra/environment.ts';
import { taskQueue } from '../../lib/pipeline/plan.ts';

export interface ScriptedWorker {
  client: Client;
  stop(): Promise<void>;
}

/** `queue`: the short name of the queue, which no other test may use. */
export async function startScriptedWorker(
  env: NodeJS.ProcessEnv,
  queue: string,
  activities: object,
): Promise<ScriptedWorker> {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: 'temporalio_sdk_core=ERROR' } },
  });
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: join(import.meta.dirname, '../../workflows/index.ts'),
    logger: new DefaultLogger('ERROR'),
  });
  const { namespace, connection: address } = temporalConnection(env);
  const connection = await NativeConnection.connect(address);
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: taskQueue(queue),
    workflowBundle,
    activities,
  });
  const running = worker.run();
  const clientConnection = await Connection.connect(address);
  return {
    client: new Client({ connection: clientConnection, namespace }),
    stop: async () => {
      worker.shutdown();
      await running;
      await connection.close();
      await clientConnection.close();
    },
  };
}
