import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { countingReporter } from './tests/reporter.ts';

// What tests and the processes that they start leave in the temporary folder goes with the run, however they end.
const scratch = mkdtempSync(join(tmpdir(), 'newshound-tests-'));
process.env.TMPDIR = scratch;
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

// What is polled for happens at once, or on a loaded machine in a while.
const expect = { poll: { timeout: 20_000 } };

export default defineConfig({
  test: {
    reporters: ['default', countingReporter()],
    projects: [
      {
        test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, expect },
      },
      {
        test: {
          name: 'oracle',
          include: ['tests/oracle/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect,
        },
      },
      {
        test: {
          name: 'system',
          include: ['tests/system/**/*.test.ts'],
          globalSetup: ['tests/system/servers.ts'],
          // One at a time: each of these runs a whole pipeline's processes beside it.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          expect,
        },
      },
    ],
  },
});
