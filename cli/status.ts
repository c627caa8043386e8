/** `newshound status`: what runs in this state folder, and how far its runs are. */
import { stateFolder, temporalConnection } from '../infra/environment.ts';
import { lockHolder } from '../infra/lock.ts';
import { residentMemory } from '../infra/processes.ts';
import { readRunning } from '../infra/running.ts';
import { spoken, type Say } from '../infra/say.ts';
import { hasOwnTemporal } from '../infra/servers.ts';
import { lockPath } from '../infra/session.ts';
import { queryProgress } from './follow.ts';
import { progressLines } from './progress.ts';
import { formatTable } from './table.ts';
import { connectTemporal } from './temporal.ts';
import { joinable } from './work.ts';
import { lastDurations } from './durations.ts';

/** Prints the processes and every run of the last days. */
export async function status(say: Say): Promise<void> {
  const state = stateFolder(process.env);
  const holder = lockHolder(lockPath(state));
  const running = holder === null ? null : readRunning(state);
  if (running !== null) {
    const memory = residentMemory(new Set(running.processes.map(({ pid }) => pid)));
    const rows = running.processes.map(({ name, pid }) => [
      name,
      String(pid),
      `${Math.round((memory.get(pid) ?? 0) / 2 ** 20)} MB`,
    ]);
    say.line(
      `pid ${holder?.pid} has been ${holder?.doing} since ${holder?.since}${running.uiUrl === null ? '' : `; UI ${running.uiUrl}`}\n`,
    );
    say.line(
      formatTable(
        [
          { title: 'process', align: 'left' },
          { title: 'pid', align: 'right' },
          { title: 'memory', align: 'right' },
        ],
        rows,
      ),
    );
  } else {
    say.line(`Nothing runs in ${state}`);
    if (!hasOwnTemporal(process.env)) return;
  }
  await showRuns(joinable(process.env, 'any')?.env ?? process.env, state, say);
}

async function showRuns(env: NodeJS.ProcessEnv, state: string, say: Say): Promise<void> {
  const { client, close } = await connectTemporal(temporalConnection(env));
  try {
    const rows: string[][] = [];
    for await (const run of client.workflow.list({ query: 'WorkflowType = "pipeline"', pageSize: 20 })) {
      const seconds = ((run.closeTime ?? new Date()).getTime() - run.startTime.getTime()) / 1000;
      rows.push([
        run.workflowId,
        run.status.name.toLowerCase(),
        run.startTime.toISOString().slice(0, 19),
        spoken(seconds),
      ]);
      if (run.status.name === 'RUNNING') {
        const progress = await queryProgress(client, run.workflowId);
        if (progress !== null) {
          say.line(
            `\n${progressLines(progress, { nowMs: Date.now(), width: process.stdout.columns ?? 120, lastTime: lastDurations(state, progress) }).join('\n')}`,
          );
        }
      }
      if (rows.length === 20) break;
    }
    say.line(
      `\n${
        rows.length === 0
          ? 'No runs yet'
          : formatTable(
              (['run', 'state', 'started (UTC)', 'took'] as const).map((title) => ({
                title,
                align: title === 'took' ? 'right' : 'left',
              })),
              rows,
            )
      }`,
    );
  } finally {
    await close();
  }
}
