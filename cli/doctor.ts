/** `newshound doctor`: is everything there that a run needs? One line a check, with what to do about each that fails. */
import { accessSync, constants, existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { colors as pc } from './colors.ts';
import { goVersion } from '../infra/build-tool.ts';
import { type Environment, stateFolder, temporalConnection } from '../infra/environment.ts';
import { locateTool } from '../infra/find-tool.ts';
import { choosePort } from '../infra/ports.ts';
import { startGuard } from '../infra/processes.ts';
import type { Say } from '../infra/say.ts';
import { hasOwnS3, hasOwnTemporal, openS3 } from '../infra/servers.ts';
import { type Tool, tools } from '../infra/tools.ts';
import { NewshoundError } from '../lib/errors.ts';
import { checkProviders, executionProviders } from '../lib/tensor/execution-providers.ts';
import { connectTemporal } from './temporal.ts';
import { joinable } from './work.ts';

export interface Check {
  name: string;
  /** `fail`: a run will not work. `note`: it will, in a way worth knowing. */
  state: 'ok' | 'note' | 'fail';
  detail: string;
}

const gigabyte = 2 ** 30;
const memoryGb = 4;
const diskGb = 3;

/** Runs every check and prints them; true when none failed. Starts an S3 server for a moment if it can be started at once. */
export async function doctor(say: Say): Promise<boolean> {
  const env = process.env;
  const marks = { ok: pc.green('✔'), note: pc.yellow('•'), fail: pc.red('✖') };
  let failed = false;
  for (const check of [
    nodeCheck,
    memoryCheck,
    writeCheck,
    diskCheck,
    ...Object.values(tools).map(toolCheck),
    portCheck,
    temporalCheck,
    s3Check,
    providersCheck,
  ]) {
    const { name, state, detail } = await check(env);
    failed ||= state === 'fail';
    say.line(`${marks[state]} ${name.padEnd(18)} ${detail}`);
  }
  return !failed;
}

async function nodeCheck(): Promise<Check> {
  const major = Number(process.versions.node.split('.')[0]);
  const detail = `Node ${process.versions.node}, ${process.platform}-${process.arch}, ${availableParallelism()} cores`;
  if (major >= 24) return { name: 'Node', state: 'ok', detail };
  return {
    name: 'Node',
    state: 'fail',
    detail: `${detail}: 24 or later is needed. Start through npm (npm start, npm run newshound), which brings its own`,
  };
}

async function memoryCheck(): Promise<Check> {
  const detail = `${(totalmem() / gigabyte).toFixed(1)} GiB`;
  if (totalmem() >= memoryGb * gigabyte) return { name: 'Memory', state: 'ok', detail };
  return {
    name: 'Memory',
    state: 'note',
    detail: `${detail}: profile demo takes up to ${memoryGb} GiB; use profile tiny`,
  };
}

async function diskCheck(env: Environment): Promise<Check> {
  const state = stateFolder(env);
  // Or where it would be made.
  let place = state;
  while (!existsSync(place)) place = dirname(place);
  const { bavail, bsize } = statfsSync(place);
  const detail = `${((bavail * bsize) / gigabyte).toFixed(1)} GiB free for ${state}`;
  if (bavail * bsize >= diskGb * gigabyte) return { name: 'Disk', state: 'ok', detail };
  return {
    name: 'Disk',
    state: 'fail',
    detail: `${detail}: ${diskGb} GiB are needed. Set NEWSHOUND_STATE to a folder on a larger disk`,
  };
}

async function writeCheck(env: Environment): Promise<Check> {
  const probe = join(stateFolder(env), `probe-${process.pid}`);
  try {
    mkdirSync(stateFolder(env), { recursive: true });
    writeFileSync(probe, 'probe');
    rmSync(probe);
    accessSync('.', constants.W_OK);
    return { name: 'Write permission', state: 'ok', detail: 'state folder and working folder' };
  } catch (error) {
    return {
      name: 'Write permission',
      state: 'fail',
      detail: `${(error as Error).message}. Run from a folder of your own, or set NEWSHOUND_STATE and NEWSHOUND_OUT`,
    };
  }
}

function toolCheck(tool: Tool): (env: Environment) => Promise<Check> {
  return async (env) => {
    const name = tool.name;
    if (tool.name === 'temporal' ? hasOwnTemporal(env) : hasOwnS3(env))
      return { name, state: 'ok', detail: 'not needed: the environment names a server' };
    const path = await locateTool(tool, env);
    if (path !== null) return { name, state: 'ok', detail: path };
    const go = await goVersion(env);
    if (go !== null)
      return {
        name,
        state: 'note',
        detail: `not there yet: downloaded, or built with Go ${go} in about ${tool.buildMinutes} min, at the first start`,
      };
    return {
      name,
      state: 'note',
      detail: `not there yet, and no Go to build it: the first start needs the official download. Or install ${tool.install}`,
    };
  };
}

async function providersCheck(env: Environment): Promise<Check> {
  const name = 'ONNX Runtime';
  try {
    const providers = executionProviders(env);
    await checkProviders(providers);
    return { name, state: 'ok', detail: `computes on ${providers.join(', ')}` };
  } catch (error) {
    return { name, state: 'fail', detail: (error as Error).message };
  }
}

async function portCheck(): Promise<Check> {
  const taken: number[] = [];
  for (const usual of [7233, 8233, 9000]) {
    const { port, release } = await choosePort('a server', usual, null);
    release();
    if (port !== usual) taken.push(usual);
  }
  if (taken.length === 0) return { name: 'Ports', state: 'ok', detail: '7233, 8233 and 9000 are free' };
  return { name: 'Ports', state: 'note', detail: `${taken.join(', ')} taken: other free ports will be used` };
}

async function temporalCheck(env: Environment): Promise<Check> {
  const name = 'Temporal';
  const where = hasOwnTemporal(env) ? env : joinable(process.env, 'any')?.env;
  if (where === undefined) return { name, state: 'ok', detail: 'is started with a run' };
  const { namespace, connection } = temporalConnection(where);
  try {
    const client = await connectTemporal({ namespace, connection });
    await client.workflowService.describeNamespace({ namespace });
    return { name, state: 'ok', detail: `namespace ${namespace} at ${connection.address} answers` };
  } catch (error) {
    return { name, state: 'fail', detail: (error as Error).message };
  }
}

async function s3Check(env: Environment): Promise<Check> {
  const name = 'Conditional writes';
  if (!hasOwnS3(env) && (await locateTool(tools.versitygw, env)) === null)
    return { name, state: 'note', detail: 'checked when the S3 server is there' };
  if (joinable(process.env, 'any', 'store') !== null)
    return { name, state: 'ok', detail: 'checked by the newshound that runs' };
  const guard = startGuard();
  try {
    const server = await openS3({
      stateFolder: stateFolder(env),
      env,
      say: { line: () => undefined, progress: () => undefined },
      guard,
      anyPort: true,
    });
    await server.stop();
    return { name, state: 'ok', detail: `hold for ${server.description}` };
  } catch (error) {
    return {
      name,
      state: 'fail',
      detail: error instanceof NewshoundError ? error.message : `S3 refuses: ${(error as Error).message}`,
    };
  } finally {
    guard.close();
  }
}
