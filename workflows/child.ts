/** Child workflows: how every one of them is started, and that a hold reaches it. */
import { ParentClosePolicy, startChild, type Workflow, workflowInfo } from '@temporalio/workflow';
import { type Hold, passOn } from './hold.ts';

export interface Child<T extends Workflow> {
  workflowId: string;
  args: Parameters<T>;
  /** What the Temporal UI says of it. */
  summary: string;
}

/** Runs a child workflow to its end. It is cancelled with its parent, held with it, and takes the place of one that a replaced parent left. */
export async function runChild<T extends Workflow>(
  type: string,
  holding: Hold,
  { workflowId, args, summary }: Child<T>,
): Promise<Awaited<ReturnType<T>>> {
  const child = await startChild<(...args: unknown[]) => Promise<Awaited<ReturnType<T>>>>(type, {
    workflowId,
    args,
    staticSummary: summary,
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    workflowIdReusePolicy: 'TERMINATE_IF_RUNNING',
    typedSearchAttributes: workflowInfo().typedSearchAttributes,
  });
  // A hold that came while it started did not reach it.
  if (holding.held) await passOn(true, [workflowId]);
  return await child.result();
}
