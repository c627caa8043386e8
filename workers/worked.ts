/** What an activity gave, with the seconds that the attempt took which gave it: a workflow adds up work, not what was waited for. */
export function worked(result: unknown, seconds: number): unknown {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return result;
  return { ...result, workSeconds: seconds };
}

/** Activities whose results say so. */
export function timed<T extends object>(activities: T): T {
  return Object.fromEntries(
    Object.entries(activities).map(([name, run]: [string, (...args: unknown[]) => Promise<unknown>]) => [
      name,
      async (...args: unknown[]) => {
        const startedAt = performance.now();
        const result = await run(...args);
        return worked(result, (performance.now() - startedAt) / 1000);
      },
    ]),
  ) as T;
}
