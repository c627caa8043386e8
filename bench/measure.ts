/** Measures one comparison: starts the contenders, checks that they compute the same, and lets them run in turns. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../infra/environment.ts';
import type { Say } from '../infra/say.ts';
import { allocatorEnvironment } from '../lib/tensor/allocator.ts';
import type { Comparison } from './comparisons.ts';
import { type Command, type Contender, startContender } from './contender.ts';
import { disagreement, type Spread, speedups, spreadOf } from './pairs.ts';
import { peerCommand, type PeerName, peers } from './peers.ts';
import type { Timing } from './serve.ts';
import { writeWorkload } from './workload.ts';

/** What a side took: times of a run in turns, what was told beside them (medians), and its peak resident memory. */
export interface Side {
  milliseconds: Spread;
  beside: Record<string, number>;
  peakBytes: number;
}

export interface Measured {
  title: string;
  tokens: number;
  ours: Side & { figures: Readonly<Record<string, number>>; tokensPerSecond: number; gflops: number };
  /** ONNX Runtime's own MatMul on the same products, and what share of its speed we reach; null where there is none to compare. */
  limit: { milliseconds: Spread; gflops: number; share: Spread } | null;
  peers: Partial<Record<PeerName, (Side & { speedup: Spread; target: number | null }) | { absent: string }>>;
  shareTarget: number | null;
}

/** Idle time between runs: threads of the side before stop spinning. */
const PAUSE_MS = 250;

export async function measure(comparison: Comparison, pairs: number, env: Environment, say: Say): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'newshound-bench-'));
  const started: Contender[] = [];
  const start = async (command: Command, where: string): Promise<Contender> => {
    const contender = await startContender(command, where);
    started.push(contender);
    return contender;
  };
  try {
    const { job, against, limits } = comparison;
    const main = join(folder, 'main');
    writeWorkload(main, job, { gguf: against['llama.cpp'] !== undefined });
    const ourSide: Command = {
      command: process.execPath,
      args: [join(import.meta.dirname, 'ours.ts')],
      env: allocatorEnvironment,
    };
    say.line(`${comparison.title}: ours prepares`);
    const ours = await start(ourSide, main);
    const absent: Measured['peers'] = {};
    const present = new Map<PeerName, Contender>();
    for (const [name, { program }] of entriesOf(against)) {
      say.line(`${comparison.title}: ${peers[name].title} prepares`);
      try {
        const peer = await start(peerCommand(await peers[name].install(env, say), program), main);
        const problem = disagreement(ours.check, peer.check, comparison.tolerances);
        if (problem !== null) throw new Error(`it computes something else: ${problem}`);
        present.set(name, peer);
      } catch (error) {
        absent[name] = { absent: (error as Error).message };
        say.line(`${peers[name].title} is absent: ${(error as Error).message}`);
      }
    }
    const products: Contender[] = [];
    for (const [i, { runs: _, ...of }] of limits.entries()) {
      const where = join(folder, `products ${i}`);
      writeWorkload(where, { ...job, ...of, kind: 'products' }, { gguf: false });
      products.push(await start(ourSide, where));
    }
    const sides = [ours, ...present.values(), ...products];
    const timings = new Map<Contender, Timing[]>(sides.map((side) => [side, []]));
    for (let turn = 0; turn < pairs; turn++) {
      for (const side of sides) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        timings.get(side)?.push(await side.run());
      }
      say.progress(`${comparison.title}: turn ${turn + 1} of ${pairs}`);
    }
    const sideOf = async (contender: Contender): Promise<Side> => {
      const own = timings.get(contender) ?? [];
      const names = Object.keys(own[0]).filter((name) => name !== 'milliseconds');
      return {
        milliseconds: spreadOf(msOf(own)),
        beside: Object.fromEntries(names.map((name) => [name, spreadOf(own.map((one) => one[name])).median])),
        peakBytes: await contender.end(),
      };
    };
    const ourMs = msOf(timings.get(ours) ?? []);
    const own = await sideOf(ours);
    const found: Measured['peers'] = { ...absent };
    for (const [name, peer] of present) {
      const speedup = speedups(ourMs, msOf(timings.get(peer) ?? []));
      found[name] = { ...(await sideOf(peer)), speedup, target: against[name]?.target ?? null };
    }
    const gflops = (milliseconds: number): number => comparison.flops / milliseconds / 1e6;
    return {
      title: comparison.title,
      tokens: comparison.tokens,
      ours: {
        ...own,
        figures: ours.figures ?? {},
        tokensPerSecond: (comparison.tokens / own.milliseconds.median) * 1000,
        gflops: gflops(own.milliseconds.median),
      },
      limit: limits.length > 0 ? await limitOf() : null,
      peers: found,
      shareTarget: comparison.shareTarget,
    };

    async function limitOf(): Promise<Measured['limit']> {
      const parts = products.map((contender, i) =>
        msOf(timings.get(contender) ?? []).map((milliseconds) => milliseconds * limits[i].runs),
      );
      for (const contender of products) await contender.end();
      const total = parts[0].map((_, turn) => parts.reduce((sum, part) => sum + part[turn], 0));
      const milliseconds = spreadOf(total);
      return { milliseconds, gflops: gflops(milliseconds.median), share: speedups(ourMs, total) };
    }
  } finally {
    for (const contender of started) contender.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function msOf(timings: readonly Timing[]): number[] {
  return timings.map(({ milliseconds }) => milliseconds);
}

function entriesOf<T>(of: Readonly<Partial<Record<PeerName, T>>>): [PeerName, T][] {
  return Object.entries(of) as [PeerName, T][];
}
