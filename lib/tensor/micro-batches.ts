/** Micro-batches of a step: as few as memory allows. */
import { totalmem } from 'node:os';
import { ConfigError } from '../errors.ts';
import { type PackedBatch, packGroups, type TokenGroup } from './packing.ts';
import type { Feeds } from './session.ts';

export interface MicroBatchSettings {
  /** Tokens of a micro-batch at most (one group at least). Default: 4,096, fewer where activations would take more than 512 MiB and more than parameters and moments do. */
  microBatchTokens?: number;
  /**
   * Bytes that a step may take: parameters, their moments and gradients, and what a run of a micro-batch holds. Default: half of what this
   * machine, or the control group that this process is in, has. Not of what is free at the moment: a step that is repeated must be cut alike.
   */
  bytes?: number;
}

/** What a step takes, bytes. */
export interface StepBytes {
  /** Before and after a run: parameters, moments, sums of gradients. */
  held: number;
  /** At most during a run, beside that. */
  run: number;
  /** Of these, what does not stay for the step: activations. */
  activations: number;
}

export interface MicroBatches {
  batches: PackedBatch[];
  feeds: Feeds[];
}

/**
 * Packs groups into micro-batches that fit, as far as `estimate` can tell for the feeds of the first (all have one shape) and their number.
 * Memory grows with a micro-batch, not with their number. A function of the groups and the machine. Throws ConfigError where not even one
 * group at a time fits: nothing was compiled then.
 */
export function microBatches(
  groups: readonly TokenGroup[],
  settings: MicroBatchSettings,
  feedsOf: (batches: readonly PackedBatch[]) => Feeds[],
  estimate: (feeds: Feeds, microBatches: number) => StepBytes,
): MicroBatches {
  const limit = settings.bytes ?? machineMemory() / 2;
  for (let tokens = settings.microBatchTokens ?? MOST_TOKENS; ; tokens /= 2) {
    const batches = packGroups(groups, tokens);
    const feeds = feedsOf(batches);
    if (feeds.length === 0) return { batches, feeds };
    const step = estimate(feeds[0], feeds.length);
    const total = withMargin(step);
    const isSmallest = batches.length === groups.length || tokens <= LEAST_TOKENS;
    const isHandy = settings.microBatchTokens !== undefined || step.activations <= Math.max(HANDY_BYTES, step.held);
    if (total <= limit && (isSmallest || isHandy)) return { batches, feeds };
    if (isSmallest) throw tooLarge(step, limit, batches[0]);
  }
}

const MOST_TOKENS = 4096;
const LEAST_TOKENS = 64;

/**
 * Larger micro-batches are no faster: activations leave the processor's caches all the same. Of a large model they are: each one more costs
 * a gradient of its own, written, read and added.
 */
const HANDY_BYTES = 2 ** 29;

/** What resident memory was above the estimate at most (docs/performance.md): freed memory that the allocator keeps. */
function withMargin({ held, run }: StepBytes): number {
  return held + 1.1 * run + 2 ** 26;
}

/** Bytes that this machine, or the control group that this process is in, has. */
export function machineMemory(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}

function tooLarge(step: StepBytes, limit: number, { tokens, targets }: PackedBatch): ConfigError {
  return new ConfigError(
    `a step on one group at a time (room for ${tokens} tokens, ${targets} of them predicted) takes some ${gib(withMargin(step))} GiB, of which ${gib(step.held)} are parameters, moments and gradients; ${gib(limit)} GiB are allowed (by default half of this machine's). In the stage's memory settings (such as teacher.memory) set recompute to true, targetsAtOnce to fewer targets, or bytes to more; or take fewer lists a group or shorter ones, or a smaller model`,
  );
}

function gib(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(2);
}
