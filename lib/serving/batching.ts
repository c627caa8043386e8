/** Requests that arrive together are answered together: one decode step costs nearly the same for 1 list as for 32. */
export interface Batcher<In, Out> {
  /** Throws Overloaded where too many wait. A request whose `gone` is aborted before its turn is not worked on, and never answered. */
  submit(request: In, gone?: AbortSignal): Promise<Out>;
}

export class Overloaded extends Error {}

/** Calls `work` on at most `limit` of `waiting` requests at a time; while it runs, the next batch gathers. Of a batch that fails each is tried alone. */
export function createBatcher<In, Out>(
  { limit, waiting: most }: { limit: number; waiting: number },
  work: (requests: In[]) => Promise<Out[]>,
): Batcher<In, Out> {
  interface Waiting {
    request: In;
    gone: AbortSignal | undefined;
    resolve: (answer: Out) => void;
    reject: (error: unknown) => void;
  }
  let waiting: Waiting[] = [];
  let running = false;

  const answer = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const answers = await work(batch.map(({ request }) => request));
      batch.forEach(({ resolve }, i) => resolve(answers[i]));
    } catch (error) {
      if (batch.length === 1) batch[0].reject(error);
      else for (const one of batch) await answer([one]);
    }
  };

  const drain = async (): Promise<void> => {
    running = true;
    // Lets the requests that are already in the socket buffers join this batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const batch = waiting.slice(0, limit).filter(({ gone }) => !gone?.aborted);
      waiting = waiting.slice(limit);
      if (batch.length > 0) await answer(batch);
      await new Promise((resolve) => setImmediate(resolve));
    }
    running = false;
  };

  return {
    submit: (request, gone) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= most) return reject(new Overloaded('too many requests wait'));
        waiting.push({ request, gone, resolve, reject });
        if (!running) void drain();
      }),
  };
}
