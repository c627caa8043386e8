/** Hold and resume: an operator's updates, and the signal with which a workflow passes them on to its children. */
import { condition, defineSignal, defineUpdate, getExternalWorkflowHandle, setHandler } from '@temporalio/workflow';

/** Who asks, and why. */
export interface Request {
  by: string;
  reason?: string;
}

export const hold = defineUpdate<string, [Request]>('hold');
export const resume = defineUpdate<string, [Request]>('resume');
export const holdChild = defineSignal<[held: boolean]>('holdChild');

export interface Hold {
  readonly held: boolean;
  /** Resolves at once, or when the hold is lifted. */
  passed(): Promise<void>;
}

/** Makes the workflow holdable; `onChange` is called when it is held or resumed. Both updates may be sent again: that tells the children once more. */
export function holdable(onChange: (held: boolean, text: string) => void, held = false): Hold {
  const state = { held };
  const set = (to: boolean, text: string): void => {
    state.held = to;
    onChange(to, text);
  };
  setHandler(
    hold,
    ({ by, reason }) => {
      set(true, `held by ${by}${reason ? `: ${reason}` : ''}`);
      return 'held: what runs goes on to its end, nothing new starts';
    },
    { validator: checkRequest, description: 'Start nothing new. {"by": "you", "reason": "why"}' },
  );
  setHandler(
    resume,
    ({ by }) => {
      set(false, `resumed by ${by}`);
      return 'running';
    },
    { validator: checkRequest, description: 'Go on after a hold. {"by": "you"}' },
  );
  setHandler(holdChild, (to) => {
    if (state.held !== to) set(to, to ? 'held with the run it belongs to' : 'resumed with the run it belongs to');
  });
  return {
    get held() {
      return state.held;
    },
    passed: () => condition(() => !state.held),
  };
}

/** Tells child workflows. One that has just ended cannot be told, and need not be. */
export async function passOn(held: boolean, children: readonly string[]): Promise<void> {
  await Promise.allSettled(children.map((child) => getExternalWorkflowHandle(child).signal(holdChild, held)));
}

/** Throws, so that an update is refused, where it does not say who asks. */
export function checkRequest(request: Request | undefined): void {
  if (typeof request !== 'object' || request === null || typeof request.by !== 'string' || request.by.trim() === '') {
    throw new Error('say who asks: {"by": "your name", "reason": "why"}');
  }
}
