import { CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { createCounter, reportFailure, toTemporalFailure, withFailures } from '../../activities/failures.ts';
import { ConfigError, RecallServerEnded, StorageUnreachable } from '../../lib/errors.ts';

const withCode = (code: string): Error => Object.assign(new Error(code), { code });

describe('a failure', () => {
  it.each([
    ['a mistake of the user’s', new ConfigError('wrong'), 'never'],
    ['S3 that is away', new StorageUnreachable('away'), 'until it works'],
    ['a connection that was refused', withCode('ECONNREFUSED'), 'until it works'],
    ['the same as a cause', new Error('outer', { cause: withCode('ECONNRESET') }), 'until it works'],
    ['a server’s error', Object.assign(new Error('503'), { $metadata: { httpStatusCode: 503 } }), 'until it works'],
    ['too many requests', Object.assign(new Error('429'), { status: 429 }), 'until it works'],
    ['a refusal', Object.assign(new Error('403'), { $metadata: { httpStatusCode: 403 } }), 'few'],
    ['a recall server that dies', new RecallServerEnded('exit code 1'), 'few'],
    ['a defect', new TypeError('x is undefined'), 'few'],
  ])('%s is tried again accordingly', (_, error, retry) => {
    expect(reportFailure(error).retry).toBe(retry);
  });

  it('of an unknown reason is given up after a few times, of a known one at once or never', () => {
    const failuresOf = (error: Error, times: number): (boolean | null | undefined)[] => {
      const count = createCounter();
      return Array.from(
        { length: times },
        () => toTemporalFailure(reportFailure(error), () => count('a call')).nonRetryable,
      );
    };
    expect(failuresOf(new TypeError('x'), 4)).toEqual([false, false, true, true]);
    expect(failuresOf(new ConfigError('x'), 1)).toEqual([true]);
    expect(failuresOf(withCode('ECONNREFUSED'), 9)).not.toContain(true);
  });

  it('names its causes in one message, outermost first', () => {
    const error = new Error('no list', { cause: new Error('no answer\nat all', { cause: withCode('EPIPE') }) });
    const { message, type } = toTemporalFailure(reportFailure(error), () => 1);
    expect(message).toBe('no list [caused by Error: no answer ← Error: EPIPE]');
    expect(type).toBe('Error');
  });

  it('that Temporal itself raised passes as it is', async () => {
    const cancelled = new CancelledFailure('cancelled');
    const { run } = withFailures({ run: () => Promise.reject(cancelled) }, () => 'call');
    await expect(run()).rejects.toBe(cancelled);
  });
});
