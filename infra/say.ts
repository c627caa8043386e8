/** Tells a person what is being done: whole lines, and one line that changes in place on a terminal. */
export interface Say {
  readonly line: (text: string) => void;
  /** Something that goes on: shown in place on a terminal; elsewhere a line now and then. */
  readonly progress: (text: string) => void;
}

/** Writes to `stream`; `progress` redraws on a terminal and prints at most one line every 20 s elsewhere. */
export function sayTo(stream: NodeJS.WriteStream): Say {
  let shown = false;
  let lastMs = 0;
  const clear = () => {
    if (shown) stream.write('\r\u001b[2K');
    shown = false;
  };
  return {
    line: (text) => {
      clear();
      stream.write(`${text}\n`);
    },
    progress: (text) => {
      if (stream.isTTY) {
        clear();
        stream.write(text.slice(0, (stream.columns ?? 80) - 1));
        shown = true;
      } else if (performance.now() - lastMs > 20_000) {
        lastMs = performance.now();
        stream.write(`${text}\n`);
      }
    },
  };
}

/** Seconds as people say them: '8 s', '2 min 05 s', '1 h 04 min'. */
export function spoken(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}
