/** Requests that arrive together are answered together: one decode step costs nearly the same for 1 list as for 32. */
export interface Batcher<In, Out> {
  submit(request: In): Promise<Out>;
}

/** Calls `work` on at most `limit` waiting requests at a time; while it runs, the next batch gathers. A failed batch fails each of its requests. */
export function createBatcher<In, Out>(limit: number, work: (requests: In[]) => Promise<Out[]>): Batcher<In, Out> {
  let waiting: { request: In; resolve: (answer: Out) => void; reject: (error: unknown) => void }[] = [];
  let running = false;

  const drain = async (): Promise<void> => {
    running = true;
    // Lets the requests that are already in the socket buffers join this batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const batch = waiting.slice(0, limit);
      waiting = waiting.slice(limit);
      try {
        const answers = await work(batch.map(({ request }) => request));
        batch.forEach(({ resolve }, i) => resolve(answers[i]));
      } catch (error) {
        batch.forEach(({ reject }) => reject(error));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    running = false;
  };

  return {
    submit: (request) =>
      new Promise((resolve, reject) => {
        waiting.push({ request, resolve, reject });
        if (!running) void drain();
      }),
  };
}
