import { defineConfig } from 'vitest/config';
import { countingReporter } from './tests/reporter.ts';

export default defineConfig({
  test: {
    reporters: ['default', countingReporter()],
    projects: [
      { test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 } },
      { test: { name: 'oracle', include: ['tests/oracle/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 } },
      {
        test: {
          name: 'system',
          include: ['tests/system/**/*.test.ts'],
          globalSetup: ['tests/system/servers.ts'],
          // One at a time: each of these runs a whole pipeline's processes beside it.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
