import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listSupportedBackends } from 'onnxruntime-node';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigError } from '../../lib/errors.ts';
import { thisMachine } from '../../lib/store/manifest.ts';
import { checkProviders, executionProviders } from '../../lib/tensor/execution-providers.ts';
import { input } from '../../lib/tensor/graph.ts';
import { matmul, mul } from '../../lib/tensor/ops.ts';
import { compile } from '../../lib/tensor/session.ts';

const setting = 'NEWSHOUND_EXECUTION_PROVIDERS';
const known = listSupportedBackends().map(({ name }) => name);
const usable = await Promise.all(
  known.map((name) =>
    checkProviders([name]).then(
      () => true,
      () => false,
    ),
  ),
);
/** One that ONNX Runtime knows and this machine has not. */
const absent = known.find((_, i) => !usable[i]);

afterEach(() => vi.unstubAllEnvs());

describe('execution providers', () => {
  it('are the CPU where nothing is set, else those named, in their order', () => {
    expect(executionProviders({})).toEqual(['cpu']);
    expect(executionProviders({ [setting]: '' })).toEqual(['cpu']);
    expect(executionProviders({ [setting]: [...known].reverse().join(' , ') })).toEqual([...known].reverse());
  });

  it('that ONNX Runtime does not know are refused, with those that it knows', () => {
    const refusal = (): string[] => executionProviders({ [setting]: 'cpu,gpu' });
    expect(refusal).toThrow(ConfigError);
    expect(refusal).toThrow(/NEWSHOUND_EXECUTION_PROVIDERS names "gpu", which .* Name some of .*cpu/);
  });

  it.skipIf(absent === undefined)('that cannot be used here are refused by every session, by name', async () => {
    const y = mul(input('x', [2]), 3);
    const refusal = new RegExp(`the execution provider "${absent}" .* cannot be used on this machine: .+\\. Install`);
    await expect(compile({ y }, { threads: 1, providers: [absent as string, 'cpu'] })).rejects.toThrow(refusal);
    vi.stubEnv(setting, `cpu,${absent}`);
    const failure = await compile({ y }, { threads: 1 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConfigError);
    expect((failure as Error).message).toMatch(refusal);
  });

  it('that can be used compute, and are named by what they make', async () => {
    const names = known.filter((_, i) => usable[i]);
    expect(names).toContain('cpu');
    vi.stubEnv(setting, names.join(','));
    const session = await compile({ y: mul(input('x', [2]), 3) }, { threads: 1 });
    const { y } = await session.run({ x: { shape: [2], data: Float32Array.of(1, 2) } });
    await session.release();
    expect([...(y as Float32Array)]).toEqual([3, 6]);
    expect(thisMachine().executionProviders).toBe(names.join(','));
  });

  it('compute the same to the bit whether threads spin or sleep', async () => {
    const a = { shape: [64, 64], data: Float32Array.from({ length: 4096 }, (_, i) => Math.sin(i)) };
    const product = async (spinning: string): Promise<unknown> => {
      vi.stubEnv('NEWSHOUND_SPINNING', spinning);
      const square = input('a', [64, 64]);
      const session = await compile({ y: matmul(square, square) }, { threads: 2 });
      const { y } = await session.run({ a });
      await session.release();
      return y;
    };
    expect(await product('0')).toEqual(await product('1'));
    await expect(product('yes')).rejects.toThrow(/NEWSHOUND_SPINNING must be 0 or 1, not "yes"/);
  });

  it('are asked for wherever a session is opened', () => {
    const root = join(import.meta.dirname, '../..');
    const openers = ['lib', 'activities', 'workers', 'cli'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => readFileSync(join(root, folder, name), 'utf8'))
        .filter((source) => source.includes("'onnxruntime-node'")),
    );
    expect(openers.length).toBeGreaterThan(1);
    for (const source of openers) expect(source).toMatch(/executionProviders\(/);
  });
});
