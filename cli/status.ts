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
  }
  const where = joinable(process.env, 'any')?.env ?? process.env;
  if (hasOwnTemporal(where)) await showRuns(where, state, say);
}

async function showRuns(env: NodeJS.ProcessEnv, state: string, say: Say): Promise<void> {
  const client = await connectTemporal(temporalConnection(env));
  const rows: string[][] = [];
  for await (const { workflowId, status: now, startTime, closeTime } of client.workflow.list({
    query: 'WorkflowType IN ("pipeline", "paper")',
  })) {
    const seconds = ((closeTime ?? new Date()).getTime() - startTime.getTime()) / 1000;
    rows.push([workflowId, now.name.toLowerCase(), startTime.toISOString().slice(0, 19), spoken(seconds)]);
    const progress = now.name === 'RUNNING' ? await queryProgress(client, workflowId) : null;
    if (progress !== null) {
      const view = {
        nowMs: Date.now(),
        width: process.stdout.columns ?? 120,
        lastTime: lastDurations(state, progress),
      };
      say.line(`\n${progressLines(progress, view).join('\n')}`);
    }
    if (rows.length === runsShown) break;
  }
  if (rows.length === 0) return say.line('\nNo runs yet');
  const left = (title: string) => ({ title, align: 'left' as const });
  say.line(
    `\n${formatTable([left('run'), left('state'), left('started (UTC)'), { title: 'took', align: 'right' }], rows)}`,
  );
}

const runsShown = 20;
