/** `newshound up`: servers and workers until Ctrl-C. `newshound down`: ends them, or a run, from elsewhere. */
import { setTimeout as delay } from 'node:timers/promises';
import { stateFolder } from '../infra/environment.ts';
import { lockHolder } from '../infra/lock.ts';
import type { Say } from '../infra/say.ts';
import { lockPath } from '../infra/session.ts';
import { workerNames } from '../workers/supervisor.ts';
import { Interrupted } from './interrupted.ts';
import { keepingUp, withWork } from './work.ts';

/** Keeps servers and workers running until a signal; schedules fire, and runs started elsewhere are worked on. */
export async function up(say: Say): Promise<void> {
  try {
    await withWork({ doing: keepingUp, say, workers: workerNames, join: 'none' }, async ({ stopped, uiUrl }) => {
      say.line(
        `Up: ${workerNames.join(', ')} workers wait for work${uiUrl === null ? '' : `; watch them at ${uiUrl}`}. Ctrl-C ends everything`,
      );
      await new Promise<void>((_, reject) =>
        stopped.addEventListener('abort', () => reject(stopped.reason), { once: true }),
      );
    });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
  }
}

/** Asks the newshound that is at work in the state folder to stop, and waits until it has. */
export async function down(say: Say): Promise<void> {
  const path = lockPath(stateFolder(process.env));
  const holder = lockHolder(path);
  if (holder === null) {
    say.line('Nothing runs here');
    return;
  }
  process.kill(holder.pid, 'SIGTERM');
  say.line(`Asked pid ${holder.pid} (${holder.doing}) to stop`);
  while (lockHolder(path)?.pid === holder.pid) await delay(100);
  say.line('Stopped');
}
