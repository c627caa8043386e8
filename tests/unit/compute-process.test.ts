import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, type ComputeProcess, createComputeProcess } from '../../workers/compute-process.ts';

const MB = 2 ** 20;
const said: string[] = [];
const opened: ComputeProcess[] = [];
const state = mkdtempSync(join(tmpdir(), 'newshound-compute-'));

function open(residentLimitBytes = Number.POSITIVE_INFINITY, folder = state): ComputeProcess {
  const module = join(import.meta.dirname, 'answering-process.ts');
  const compute = createComputeProcess(module, {
    env: { ...process.env, NEWSHOUND_STATE: folder },
    residentLimitBytes,
    say: (text) => said.push(text),
  });
  opened.push(compute);
  return compute;
}

function call(
  compute: ComputeProcess,
  activity: 'answer' | 'die' | 'hang' | 'hold',
  { args = [], signal = new AbortController().signal }: { args?: unknown[]; signal?: AbortSignal } = {},
): Promise<Answer> {
  return compute.call({ activity, args, onProgress: () => undefined, signal });
}

const pidOf = (answer: Answer): number => (answer.kind === 'done' ? (answer.result as number) : Number.NaN);

afterEach(() => {
  for (const compute of opened.splice(0)) compute.kill();
  said.length = 0;
});

describe('a compute process', () => {
  it('answers all calls from one process while it holds little', async () => {
    const compute = open(1e12);
    const answers = await Promise.all([call(compute, 'answer'), call(compute, 'answer')]);
    expect(pidOf(answers[0])).toBe(compute.pid());
    expect(pidOf(answers[1])).toBe(compute.pid());
    expect(said).toEqual([]);
  });

  it('is replaced after a call that leaves it above its limit, and the call that waits is not lost with it', async () => {
    const compute = open(1);
    const answers = await Promise.all(Array.from({ length: 4 }, () => call(compute, 'answer')));
    expect(answers.map(({ kind }) => kind)).toEqual(['done', 'done', 'done', 'done']);
    expect(new Set(answers.map(pidOf)).size).toBe(4);
    expect(said).toHaveLength(4);
    expect(said[0]).toMatch(
      new RegExp(`^compute process ${pidOf(answers[0])} holds \\d+ MB after answer, 0 are allowed: a fresh one`),
    );
  });

  it('that cannot be started fails the call, and is started by the next', async () => {
    const full = mkdtempSync(join(tmpdir(), 'newshound-full-'));
    writeFileSync(join(full, 'scratch'), 'a file where the folder would be');
    const compute = open(1e12, full);
    expect(await call(compute, 'answer')).toMatchObject({
      kind: 'failed',
      failure: { message: expect.stringMatching(/EEXIST|ENOTDIR/) },
    });
    rmSync(join(full, 'scratch'));
    expect((await call(compute, 'answer')).kind).toBe('done');
  });

  it('takes its scratch files with it, however it ends', async () => {
    const compute = open();
    await call(compute, 'answer');
    expect(readdirSync(join(state, 'scratch'))).not.toEqual([]);
    compute.kill();
    await expect.poll(() => readdirSync(join(state, 'scratch'))).toEqual([]);
  });

  it('is replaced for what it holds, not for what it did', async () => {
    const compute = open(400 * MB);
    const before = pidOf(await call(compute, 'answer'));
    expect(pidOf(await call(compute, 'answer'))).toBe(before);
    expect(pidOf(await call(compute, 'hold', { args: [500 * MB] }))).toBe(before);
    expect(pidOf(await call(compute, 'answer'))).not.toBe(before);
    expect(said).toHaveLength(1);
  });

  it('that dies ends its own call, and the next one is answered by another', async () => {
    const compute = open();
    const [died, answered] = await Promise.all([call(compute, 'die'), call(compute, 'answer')]);
    expect(died).toEqual({ kind: 'died', how: 'exit code 3' });
    expect(answered.kind).toBe('done');
  });

  it('is killed when its call is aborted, and the next call is answered by another', async () => {
    const compute = open();
    const before = pidOf(await call(compute, 'answer'));
    const abort = new AbortController();
    const hanging = call(compute, 'hang', { signal: abort.signal });
    const next = call(compute, 'answer');
    setImmediate(() => abort.abort());
    expect(await hanging).toEqual({ kind: 'died', how: 'signal SIGKILL' });
    expect(pidOf(await next)).not.toBe(before);
  });
});
