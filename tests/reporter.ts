import type { Reporter, TestModule } from 'vitest/node';

/** Prints, as the very last line of a test run, `N passed, N failed` (and how many were skipped, if any). */
export function countingReporter(): Reporter {
  return {
    onTestRunEnd: (modules: readonly TestModule[], unhandledErrors: readonly unknown[]) => {
      const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
      for (const module of modules) {
        // A file that could not be loaded has no tests that could fail: it counts as one failure.
        if (module.errors().length > 0) count.failed += 1;
        for (const test of module.children.allTests()) count[test.result().state] += 1;
      }
      const skipped = count.skipped + count.pending;
      process.once('exit', () => {
        process.stdout.write(
          `\n${count.passed} passed, ${count.failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}\n`,
        );
      });
    },
  };
}
