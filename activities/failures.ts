/** Errors become Temporal failures here, and only here: what is retried, how often, and what the operator reads. */
import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import { NewshoundError, RecallServerEnded } from '../lib/errors.ts';

/** An error as it crosses from the compute process to its worker: JSON. */
export interface FailureReport {
  /** Class name: what Temporal calls the failure's type. */
  type: string;
  message: string;
  stack: string;
  retry: Retry;
  /** The causes, outermost first, one line each. */
  causes: string[];
}

/**
 * `never`: the same call fails again. `until it works`: the world must change (network, storage, a server that restarts).
 * `few`: nobody knows; a defect of ours most likely, so it is tried again only a few times.
 */
export type Retry = 'never' | 'until it works' | 'few';

/** Failures of a call for an unknown reason, after which it is given up. */
const fewFailures = 3;

/**
 * Counts events of a call in this process. Temporal's attempts are no such count: they grow in an outage, or with every restart of a worker.
 */
export function createCounter(): (call: string) => number {
  const counts = new Map<string, number>();
  return (call) => {
    const count = (counts.get(call) ?? 0) + 1;
    counts.set(call, count);
    return count;
  };
}

export function reportFailure(error: unknown): FailureReport {
  const known = error instanceof Error ? error : new Error(String(error));
  const causes: string[] = [];
  for (let cause = known.cause; cause instanceof Error && causes.length < 5; cause = cause.cause) {
    causes.push(`${cause.name}: ${firstLine(cause.message)}`);
  }
  return { type: known.name, message: known.message, stack: known.stack ?? '', retry: retryOf(known), causes };
}

/** The failure that an activity throws. `count`: called where the reason is unknown; how often that was so, this time included. */
export function toTemporalFailure(report: FailureReport, count: () => number): ApplicationFailure {
  const nonRetryable = report.retry === 'never' || (report.retry === 'few' && count() >= fewFailures);
  const failure = ApplicationFailure.create({
    type: report.type,
    message: report.causes.length > 0 ? `${report.message} [caused by ${report.causes.join(' ← ')}]` : report.message,
    nonRetryable,
  });
  if (report.stack !== '') failure.stack = report.stack;
  return failure;
}

/** Wraps activities that run in the worker's own process, so that what they throw becomes a Temporal failure. `call` names the one that runs. */
export function withFailures<T extends object>(activities: T, call: () => string): T {
  const counted = createCounter();
  return Object.fromEntries(
    Object.entries(activities).map(([name, run]: [string, (...args: unknown[]) => Promise<unknown>]) => [
      name,
      async (...args: unknown[]) => {
        try {
          return await run(...args);
        } catch (error) {
          if (error instanceof TemporalFailure || isAbort(error)) throw error;
          throw toTemporalFailure(reportFailure(error), () => counted(call()));
        }
      },
    ]),
  ) as T;
}

function retryOf(error: Error): Retry {
  // Killed once, it comes back; one that cannot live would be started for ever.
  if (error instanceof RecallServerEnded) return 'few';
  if (error instanceof NewshoundError) return error.retryable ? 'until it works' : 'never';
  if (isTransient(error)) return 'until it works';
  return 'few';
}

const transientCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** Network and server errors of Node, the AWS SDK and HTTP clients, also as the cause of another error. */
function isTransient(error: Error): boolean {
  const { code, $metadata, status } = error as {
    code?: unknown;
    status?: unknown;
    $metadata?: { httpStatusCode?: number };
  };
  const http = $metadata?.httpStatusCode ?? (typeof status === 'number' ? status : 0);
  if (typeof code === 'string' && transientCodes.has(code)) return true;
  if (http >= 500 || http === 429 || error.name === 'TimeoutError') return true;
  return error.cause instanceof Error && isTransient(error.cause);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0];
}
