import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { countingReporter } from './tests/reporter.ts';

// What tests and the processes that they start leave in the temporary folder goes with the run, however they end.
const scratch = mkdtempSync(join(tmpdir(), 'newshound-tests-'));
process.env.TMPDIR = scratch;
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

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
