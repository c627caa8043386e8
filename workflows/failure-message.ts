/** The one sentence of a failure that helps: the innermost message, with the kind of error it was. */
import { ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';

export function rootMessage(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause;
  if (innermost instanceof ApplicationFailure)
    return `${innermost.type ? `${innermost.type}: ` : ''}${innermost.message}`;
  if (innermost instanceof TimeoutFailure) return `it took too long (${innermost.timeoutType}): ${innermost.message}`;
  return innermost instanceof Error ? innermost.message : String(innermost);
}
