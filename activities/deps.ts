/** What the activities are made with. One object lives as long as the process; what it says of a call is of the one in hand. */
import type { Artifacts } from '../lib/store/artifacts.ts';

export interface Deps {
  readonly artifacts: Artifacts;
  /** Tells how far the call is (0-1) and what it does: heartbeat, terminal and UI in one. */
  readonly progress: (fraction: number, message: string) => void;
  /** Threads that ONNX Runtime may use. */
  readonly threads: number;
  /** Folder of the committed base models. */
  readonly modelsFolder: string;
}

/** Of the cpu worker, which runs activities itself. A compute process is killed when its call is cancelled. */
export interface CpuDeps extends Deps {
  /** Aborted when the call is cancelled. */
  readonly signal: AbortSignal;
}
