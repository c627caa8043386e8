/** What people decide about an experiment: validated updates, refused with the reason, harmless when sent twice. */
import { defineUpdate, setHandler } from '@temporalio/workflow';
import { checkRequest, type Request } from './hold.ts';

export interface Decision extends Request {
  decision: 'approve' | 'reject';
}

export const decide = defineUpdate<string, [Decision]>('decide');
export const rollback = defineUpdate<string, [Request]>('rollback');

export interface Decisions {
  readonly decision: Decision | null;
  readonly rollback: Request | null;
  /** From now on a decision is awaited. */
  open(): void;
  /** What a decision that comes too early is told. */
  describe(phase: string): void;
  /** From now on everything is refused, for this reason. */
  close(reason: string): void;
}

export function openDecisions(): Decisions {
  const state = {
    decision: null as Decision | null,
    rollback: null as Request | null,
    awaiting: false,
    phase: 'the experiment has just begun',
    closed: '',
  };
  const same = (request: Decision): boolean =>
    state.decision?.by === request.by && state.decision.decision === request.decision;

  setHandler(
    decide,
    (request) => {
      // A message that came twice is answered as the first one.
      state.decision ??= request;
      return `${state.decision.decision} by ${state.decision.by}`;
    },
    {
      description: 'Approve or reject the student. {"decision": "approve", "by": "you", "reason": "why"}',
      validator: (request) => {
        checkRequest(request);
        if (request.decision !== 'approve' && request.decision !== 'reject')
          throw new Error('decision must be "approve" or "reject"');
        if (state.decision !== null && same(request)) return;
        if (state.decision !== null)
          throw new Error(`${state.decision.by} has decided already: ${state.decision.decision}`);
        if (state.rollback !== null) throw new Error(`${state.rollback.by} has rolled the experiment back`);
        if (state.closed !== '') throw new Error(state.closed);
        if (!state.awaiting) throw new Error(`no decision is awaited: ${state.phase}`);
      },
    },
  );
  setHandler(
    rollback,
    (request) => {
      state.rollback ??= request;
      return `rolled back by ${state.rollback.by}`;
    },
    {
      description: 'End the experiment now and keep what is served. {"by": "you", "reason": "why"}',
      validator: (request) => {
        checkRequest(request);
        if (state.rollback?.by === request.by) return;
        if (state.rollback !== null) throw new Error(`${state.rollback.by} has rolled the experiment back already`);
        // What was approved and is not served yet (the run is held) can still be stopped.
        if (state.decision?.decision === 'reject') throw new Error(`${state.decision.by} has decided already: reject`);
        if (state.closed !== '') throw new Error(state.closed);
      },
    },
  );
  return {
    get decision() {
      return state.decision;
    },
    get rollback() {
      return state.rollback;
    },
    open: () => void (state.awaiting = true),
    describe: (phase) => void (state.phase = phase),
    close: (reason) => void (state.closed ||= reason),
  };
}
