/** On what ONNX Runtime computes, and how its threads wait: properties of the machine, so settings of the process and of no stage. */
import { InferenceSession, listSupportedBackends } from 'onnxruntime-node';
import { ConfigError } from '../errors.ts';
import { input } from './graph.ts';
import { toOnnx } from './onnx.ts';
import { add } from './ops.ts';

const setting = 'NEWSHOUND_EXECUTION_PROVIDERS';

/**
 * The providers that NEWSHOUND_EXECUTION_PROVIDERS names, the preferred first, with commas between them ("cuda,cpu"); ['cpu'] where it is
 * not set. Throws ConfigError for a name that this build of ONNX Runtime does not know.
 */
export function executionProviders(env: Readonly<Record<string, string | undefined>> = process.env): string[] {
  const names = (env[setting] || 'cpu').split(',').map((name) => name.trim());
  const known = listSupportedBackends().map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  throw new ConfigError(
    `${setting} names "${unknown}", which ONNX Runtime does not have on ${process.platform}-${process.arch}. Name some of ${known.join(', ')}, with commas between them`,
  );
}

/**
 * Whether threads of ONNX Runtime spin while they wait for each other (NEWSHOUND_SPINNING, default `1`): `0` on a machine that has other work
 * (docs/performance.md). Results are the same to the bit. Throws ConfigError for anything else.
 */
export function threadsSpin(env: Readonly<Record<string, string | undefined>> = process.env): boolean {
  const value = env['NEWSHOUND_SPINNING'] || '1';
  if (value === '0' || value === '1') return value === '1';
  throw new ConfigError(`NEWSHOUND_SPINNING must be 0 or 1, not "${value}"`);
}

/**
 * Configuration of every session of this process. Numbers below 1e-38 count as 0: of a masked score the exponential is as good as 0 anyway,
 * and computing with what is nearly 0 made softmax over masked scores five times slower. The first session decides it for the thread that
 * calls, so all must ask for it.
 */
export function sessionConfiguration(): { session: Record<string, string> } {
  return { session: { set_denormal_as_zero: '1', 'intra_op.allow_spinning': threadsSpin() ? '1' : '0' } };
}

const checks = new Map<string, Promise<void>>();

/** Rejects with ConfigError, naming the provider, where one cannot compute on this machine. Each is tried once a process, on one addition. */
export async function checkProviders(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const check = checks.get(name) ?? tryProvider(name);
    checks.set(name, check);
    await check;
  }
}

async function tryProvider(name: string): Promise<void> {
  // Always there.
  if (name === 'cpu') return;
  const { bytes } = toOnnx({ y: add(input('x', [1]), 1) });
  try {
    const session = await InferenceSession.create(bytes, {
      executionProviders: [name],
      logSeverityLevel: 4,
      extra: sessionConfiguration(),
    });
    await session.release();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim().split('\n')[0] : String(cause);
    throw new ConfigError(
      `the execution provider "${name}" (${setting}) cannot be used on this machine: ${reason}. Install what it needs (docs/operations.md), or leave it out`,
      { cause },
    );
  }
}
