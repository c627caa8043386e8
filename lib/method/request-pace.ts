/** Keeps requests within an endpoint's limits: so many at once, so many a minute. */

export interface RequestPace {
  /** Runs a request when its turn comes; turns are given in the order of the calls. */
  run<T>(request: () => Promise<T>): Promise<T>;
  /** Resolves after a wait, or rejects with the signal's reason. */
  rest(milliseconds: number): Promise<void>;
}

/** At most `concurrency` requests at once, their starts at least 60000 / `requestsPerMinute` ms apart. */
export function createRequestPace(options: {
  concurrency: number;
  requestsPerMinute: number;
  signal?: AbortSignal;
}): RequestPace {
  const { concurrency, signal } = options;
  const spacing = 60_000 / options.requestsPerMinute;
  const waiting: (() => void)[] = [];
  let running = 0;
  let nextStart = 0;

  const rest = (milliseconds: number): Promise<void> =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, milliseconds);
      signal?.addEventListener('abort', stop, { once: true });
    });

  const enter = async (): Promise<void> => {
    if (running >= concurrency) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
  };
  /** The place passes to the first who waits, so `running` stays as it is. */
  const leave = (): void => {
    const next = waiting.shift();
    if (next) next();
    else running--;
  };

  return {
    rest,
    async run(request) {
      await enter();
      try {
        signal?.throwIfAborted();
        const now = performance.now();
        const start = Math.max(now, nextStart);
        nextStart = start + spacing;
        if (start > now) await rest(start - now);
        return await request();
      } finally {
        leave();
      }
    },
  };
}
