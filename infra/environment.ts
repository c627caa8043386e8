/**
 * What newshound reads from the environment, in one place. The supervisor sets these for its workers; an operator sets
 * them to use a Temporal cluster and a bucket that already exist. docs/operations.md lists them.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError } from '../lib/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Connection options that both `Connection.connect` (client) and `NativeConnection.connect` (worker) take. */
export interface TemporalConnectionOptions {
  address: string;
  apiKey?: string;
  tls?: true | { serverRootCACertificate?: Buffer; clientCertPair?: { crt: Buffer; key: Buffer } };
}

/**
 * Address, namespace, TLS and API key of the Temporal cluster.
 * NEWSHOUND_TEMPORAL_ADDRESS (host:port), NEWSHOUND_TEMPORAL_NAMESPACE, NEWSHOUND_TEMPORAL_API_KEY, NEWSHOUND_TEMPORAL_TLS (1),
 * NEWSHOUND_TEMPORAL_TLS_CA, NEWSHOUND_TEMPORAL_TLS_CERT, NEWSHOUND_TEMPORAL_TLS_KEY (paths of PEM files). A key or a PEM file implies TLS.
 */
export function temporalConnection(env: Environment): { namespace: string; connection: TemporalConnectionOptions } {
  const connection: TemporalConnectionOptions = { address: env['NEWSHOUND_TEMPORAL_ADDRESS'] || '127.0.0.1:7233' };
  const apiKey = env['NEWSHOUND_TEMPORAL_API_KEY'];
  const ca = env['NEWSHOUND_TEMPORAL_TLS_CA'];
  const crt = env['NEWSHOUND_TEMPORAL_TLS_CERT'];
  const key = env['NEWSHOUND_TEMPORAL_TLS_KEY'];
  if (Boolean(crt) !== Boolean(key))
    throw new ConfigError(
      'NEWSHOUND_TEMPORAL_TLS_CERT and NEWSHOUND_TEMPORAL_TLS_KEY belong together: set both, or neither',
    );
  if (apiKey) connection.apiKey = apiKey;
  if (ca || (crt && key)) {
    connection.tls = {
      ...(ca ? { serverRootCACertificate: pemFile(ca, 'NEWSHOUND_TEMPORAL_TLS_CA') } : {}),
      ...(crt && key
        ? {
            clientCertPair: {
              crt: pemFile(crt, 'NEWSHOUND_TEMPORAL_TLS_CERT'),
              key: pemFile(key, 'NEWSHOUND_TEMPORAL_TLS_KEY'),
            },
          }
        : {}),
    };
  } else if (apiKey || env['NEWSHOUND_TEMPORAL_TLS'] === '1' || env['NEWSHOUND_TEMPORAL_TLS'] === 'true') {
    connection.tls = true;
  }
  return { namespace: env['NEWSHOUND_TEMPORAL_NAMESPACE'] || 'default', connection };
}

function pemFile(path: string, setting: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ConfigError(`${setting}: ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** A whole number from `least` to `most` in a variable, or null where it is not set. Throws ConfigError. */
export function wholeNumber(env: Environment, setting: string, least: number, most: number): number | null {
  const text = env[setting];
  if (!text) return null;
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new ConfigError(`${setting} must be a whole number from ${least} to ${most}, not "${text}"`);
}

/** Folder of everything that a run keeps (NEWSHOUND_STATE, default `.newshound` in the working folder), absolute. */
export function stateFolder(env: Environment): string {
  return resolve(env['NEWSHOUND_STATE'] || '.newshound');
}

/** Where results are written for people (NEWSHOUND_OUT, default `out` in the working folder), absolute. */
export function outFolder(env: Environment): string {
  return resolve(env['NEWSHOUND_OUT'] || 'out');
}

/** Folder of server binaries, outside the repository, shared by every checkout: $XDG_CACHE_HOME/newshound or ~/.cache/newshound. */
export function toolCacheFolder(env: Environment): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'newshound');
}
