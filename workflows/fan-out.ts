/** Many at once, and in order where it matters. */

/** Calls `body` for 0 … count-1 at the same time; results in that order. */
export async function fanOut<T>(count: number, body: (index: number) => Promise<T>): Promise<T[]> {
  return await Promise.all(Array.from({ length: count }, (_, index) => body(index)));
}

/** Calls `body` for each item, at most `limit` at a time, in order of their start; results in the items' order. */
export async function withLimit<I, T>(items: readonly I[], limit: number, body: (item: I) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await body(items[index]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return results;
}
