/** What a tensor worker and its compute process say to each other over IPC. JSON both ways. */
import type { FailureReport } from '../activities/failures.ts';

export type ToCompute = { kind: 'call'; id: number; activity: string; args: unknown[] };

export type FromCompute =
  | { kind: 'ready' }
  | { kind: 'progress'; id: number; fraction: number; message: string }
  /** `residentBytes`: what the process holds after the call. */
  | { kind: 'done'; id: number; residentBytes: number; result: unknown }
  | { kind: 'failed'; id: number; residentBytes: number; failure: FailureReport };
