/** The real Temporal and S3 servers of the system tests: started once, on any free ports, in a temporary folder. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {} from 'vitest';
import type { TestProject } from 'vitest/node';
import { sayTo } from '../../infra/say.ts';
import { openSession } from '../../infra/session.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Addresses, bucket and credentials: merge into a process's environment. */
    serversEnv: Record<string, string>;
    /** State folder of the servers: `readRunning` tells their pids now. */
    serversState: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stateFolder = mkdtempSync(join(tmpdir(), 'newshound-test-'));
  const session = await openSession({
    stateFolder,
    env: process.env,
    say: sayTo(process.stderr),
    doing: 'running tests',
    anyPort: true,
  });
  project.provide('serversEnv', { ...session.servers.env });
  project.provide('serversState', stateFolder);
  return () => session.close();
}
