/** Temporal and S3, whichever way they are to be had: those named in the environment, or local ones that are started and kept running. */
import { type Environment, temporalConnection, wholeNumber } from './environment.ts';
import { findTool } from './find-tool.ts';
import { type KeptAlive, keepAlive } from './keep-alive.ts';
import { choosePort, type Port } from './ports.ts';
import type { Guard } from './processes.ts';
import { ensureBucket, localCredentials, region, s3Log, startS3, verifyConditionalWrites } from './s3.ts';
import type { Say } from './say.ts';
import { startTemporal, temporalLog } from './temporal.ts';
import { tools } from './tools.ts';
import type { ServerStartFailed } from '../lib/errors.ts';
import { createS3 } from '../lib/store/s3.ts';

export interface ServersOptions {
  stateFolder: string;
  env: Environment;
  say: Say;
  guard: Guard;
  /** Take any free ports, not the usual ones. */
  anyPort?: boolean;
  /** Called when a server's pid changes. */
  onChange?: () => void;
  /** Ends a build or download that is under way. */
  signal?: AbortSignal;
}

/** One server: where it is, and its process if newshound started it. */
export interface Server {
  /** What clients and workers need in their environment. Holds secrets: never print it. */
  env: Readonly<Record<string, string>>;
  /** For people; no secrets. */
  description: string;
  uiUrl: string | null;
  /** null: it was there already. */
  process: KeptAlive | null;
  stop(): Promise<void>;
}

export interface Servers {
  temporal: Server;
  s3: Server;
  /** Both servers' environments together. Holds secrets. */
  env: Readonly<Record<string, string>>;
  /** Resolves when a server that newshound started cannot be kept running. */
  readonly gaveUp: Promise<ServerStartFailed>;
  stop(): Promise<void>;
}

/** Search attributes of the workflows; a cluster of your own needs them too (docs/operations.md). */
export const searchAttributes = {
  NewshoundPipeline: 'Keyword',
  NewshoundProfile: 'Keyword',
  NewshoundStep: 'Keyword',
} as const;

/** Starts (or finds) both. What had started is stopped again when one fails. Throws ServerStartFailed, PortTaken. */
export async function startServers(options: ServersOptions): Promise<Servers> {
  // One after the other: each may have to be built, and a build uses every core.
  if (!hasOwnS3(options.env)) await findTool(tools.versitygw, options);
  if (!hasOwnTemporal(options.env)) await findTool(tools.temporal, options);
  const [s3, temporal] = await Promise.allSettled([openS3(options), openTemporal(options)]);
  if (s3.status === 'rejected' || temporal.status === 'rejected') {
    if (s3.status === 'fulfilled') await s3.value.stop();
    if (temporal.status === 'fulfilled') await temporal.value.stop();
    throw s3.status === 'rejected' ? s3.reason : (temporal as PromiseRejectedResult).reason;
  }
  const started = [temporal.value, s3.value];
  return {
    temporal: temporal.value,
    s3: s3.value,
    env: { ...temporal.value.env, ...s3.value.env },
    gaveUp: Promise.race(started.map((server) => server.process?.gaveUp ?? new Promise<never>(() => undefined))),
    stop: async () => void (await Promise.all(started.map((server) => server.stop()))),
  };
}

/** The S3 of the environment (NEWSHOUND_S3_BUCKET), or a local one. */
export async function openS3(options: ServersOptions): Promise<Server> {
  const { env, stateFolder, guard } = options;
  if (hasOwnS3(env)) {
    const where = env['NEWSHOUND_S3_ENDPOINT'] || 'AWS';
    const server = external(`bucket ${env['NEWSHOUND_S3_BUCKET']} at ${where} (from the environment)`);
    await verifyConditionalWrites(createS3(env));
    return server;
  }
  const { path: binary } = await findTool(tools.versitygw, options);
  const credentials = localCredentials(stateFolder);
  const port = await choosePort('the S3 server', options.anyPort ? null : 9000, fixedPort(env, 'NEWSHOUND_S3_PORT'));
  const serverEnv = {
    NEWSHOUND_S3_ENDPOINT: `http://127.0.0.1:${port.port}`,
    NEWSHOUND_S3_BUCKET: 'newshound',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: region,
  };
  const service = {
    name: 'S3 server',
    logFile: s3Log(stateFolder),
    start: () => startS3({ binary, stateFolder, port: port.port, credentials }, guard),
  };
  const server = await own(
    service,
    options,
    [port],
    serverEnv,
    `versitygw at ${serverEnv.NEWSHOUND_S3_ENDPOINT}, bucket newshound`,
    null,
  );
  try {
    await ensureBucket(createS3(serverEnv));
    await verifyConditionalWrites(createS3(serverEnv));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** The Temporal cluster of the environment (NEWSHOUND_TEMPORAL_ADDRESS), or a local development server. */
export async function openTemporal(options: ServersOptions): Promise<Server> {
  const { env, stateFolder, guard } = options;
  if (hasOwnTemporal(env)) {
    const { namespace, connection } = temporalConnection(env);
    return external(`namespace ${namespace} at ${connection.address} (from the environment)`);
  }
  const { path: binary } = await findTool(tools.temporal, options);
  const port = await choosePort('Temporal', options.anyPort ? null : 7233, fixedPort(env, 'NEWSHOUND_TEMPORAL_PORT'));
  const uiPort = await choosePort(
    "Temporal's UI",
    options.anyPort ? null : 8233,
    fixedPort(env, 'NEWSHOUND_TEMPORAL_UI_PORT'),
  );
  const serverEnv = { NEWSHOUND_TEMPORAL_ADDRESS: `127.0.0.1:${port.port}`, NEWSHOUND_TEMPORAL_NAMESPACE: 'default' };
  const plan = { binary, stateFolder, port: port.port, uiPort: uiPort.port, searchAttributes };
  const service = {
    name: 'Temporal server',
    logFile: temporalLog(stateFolder),
    start: () => startTemporal(plan, guard),
  };
  return await own(
    service,
    options,
    [port, uiPort],
    serverEnv,
    `server at ${serverEnv.NEWSHOUND_TEMPORAL_ADDRESS}`,
    `http://127.0.0.1:${uiPort.port}`,
  );
}

export function hasOwnTemporal(env: Environment): boolean {
  return Boolean(env['NEWSHOUND_TEMPORAL_ADDRESS']);
}

export function hasOwnS3(env: Environment): boolean {
  return Boolean(env['NEWSHOUND_S3_BUCKET']);
}

function external(description: string): Server {
  return { env: {}, description, uiUrl: null, process: null, stop: async () => undefined };
}

async function own(
  service: Parameters<typeof keepAlive>[0],
  options: ServersOptions,
  ports: readonly Port[],
  env: Record<string, string>,
  description: string,
  uiUrl: string | null,
): Promise<Server> {
  const release = () => ports.forEach((port) => port.release());
  try {
    const process = await keepAlive(service, options.say, options.onChange ?? (() => undefined));
    return { env, description, uiUrl, process, stop: () => process.stop().finally(release) };
  } catch (error) {
    release();
    throw error;
  }
}

function fixedPort(env: Environment, setting: string): { port: number; setting: string } | null {
  const port = wholeNumber(env, setting, 1, 65_535);
  return port === null ? null : { port, setting };
}
