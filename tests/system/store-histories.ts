/**
 * Stores the histories that replay.test.ts replays: one of each workflow, of finished runs of profile tiny.
 *
 *     newshound run nightly --profile tiny && newshound paper --profile tiny --set paper.arms=[main,rate] && newshound up &
 *     NEWSHOUND_TEMPORAL_ADDRESS=127.0.0.1:7233 node tests/system/store-histories.ts
 *
 * To be run again when a workflow was changed on purpose, after the runs under way have ended.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

const folder = join(import.meta.dirname, 'histories');
const run = 'newshound-nightly-tiny';
const workflows = {
  pipeline: run,
  teacher: `${run}/teacher`,
  sweep: `${run}/sweep`,
  capacityArm: `${run}/sweep/base-xs`,
  student: `${run}/student`,
  promote: `${run}/promote`,
  paper: 'newshound-paper-tiny',
};

const connection = await Connection.connect({ address: process.env['NEWSHOUND_TEMPORAL_ADDRESS'] ?? '127.0.0.1:7233' });
const client = new Client({ connection });
mkdirSync(folder, { recursive: true });
for (const [name, workflowId] of Object.entries(workflows)) {
  const history = await client.workflow.getHandle(workflowId).fetchHistory();
  const { events } = JSON.parse(historyToJSON(history)) as { events: unknown };
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify({ workflowId, events })}\n`);
}
await connection.close();
