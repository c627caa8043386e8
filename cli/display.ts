/** Shows progress: a block redrawn in place on a terminal, a line for each change elsewhere. */
import type { RunProgress, StepState } from '../lib/pipeline/plan.ts';
import type { Say } from '../infra/say.ts';
import { type Durations, plainStepLine, progressLines } from './progress.ts';
import { fit, printable } from './table.ts';

/** Where whole lines and the run's progress go without overwriting each other. */
export interface Display extends Say {
  show(progress: RunProgress, lastTime: Durations): void;
  /** Leaves what was shown last standing. */
  end(): void;
}

export function createDisplay(stream: NodeJS.WriteStream): Display {
  return stream.isTTY ? redrawn(stream) : plain(stream);
}

function redrawn(stream: NodeJS.WriteStream): Display {
  let block: string[] = [];
  /** The block is one line about a passing matter, not the run. */
  let passing = false;
  const draw = (lines: string[]) => {
    const up = block.length > 0 ? `\u001b[${block.length}A` : '';
    stream.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}\u001b[0J`);
    block = lines;
  };
  return {
    line: (text) => {
      const kept = passing ? [] : block;
      draw([]);
      stream.write(`${printable(text)}\n`);
      draw(kept);
    },
    progress: (text) => {
      passing = true;
      draw([fit(text, (stream.columns ?? 80) - 1)]);
    },
    show: (progress, lastTime) => {
      passing = false;
      const lines = progressLines(progress, { nowMs: Date.now(), width: stream.columns ?? 80, lastTime });
      // A block taller than the terminal cannot be drawn over: the steps that are over go first.
      const room = Math.max(3, (stream.rows ?? 40) - 2);
      draw(lines.length <= room ? lines : [lines[0] as string, ...lines.slice(lines.length - room + 1)]);
    },
    end: () => {
      block = [];
    },
  };
}

const plainEveryMs = 30_000;

function plain(stream: NodeJS.WriteStream): Display {
  const shown = new Map<string, { status: string; atMs: number }>();
  let lastProgressMs = 0;
  const due = (step: StepState, nowMs: number): boolean => {
    const last = shown.get(step.name);
    if (last?.status !== step.status) return step.status !== 'waiting';
    return step.status === 'running' && nowMs - last.atMs > plainEveryMs;
  };
  return {
    line: (text) => void stream.write(`${printable(text)}\n`),
    progress: (text) => {
      if (Date.now() - lastProgressMs < 20_000) return;
      lastProgressMs = Date.now();
      stream.write(`${printable(text)}\n`);
    },
    show: (progress) => {
      const nowMs = Date.now();
      for (const step of progress.steps) {
        if (!due(step, nowMs)) continue;
        shown.set(step.name, { status: step.status, atMs: nowMs });
        stream.write(`${printable(plainStepLine(step, nowMs))}\n`);
      }
    },
    end: () => undefined,
  };
}
