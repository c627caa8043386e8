/** What was measured, as lines for people. */
import type { Column } from '../cli/table.ts';
import type { Measured, Side } from './measure.ts';
import type { Spread } from './pairs.ts';
import { type PeerName, peers } from './peers.ts';

export const columns: readonly Column[] = [
  { title: 'comparison', align: 'left' },
  { title: '', align: 'left' },
  { title: 'ms', align: 'right' },
  { title: 'tokens/s', align: 'right' },
  { title: 'memory', align: 'right' },
  { title: 'ours is', align: 'right' },
  { title: 'range', align: 'left' },
  { title: 'aim', align: 'right' },
];

/** What a figure of ours is, and the share of a run that it may take at most. */
const figureLabels: Readonly<Record<string, { label: string; aim: number }>> = {
  drawing: { label: 'drawing tokens', aim: 0.1 },
  compiling: { label: 'compiling new weights', aim: 0.05 },
};

/** A line for us and what it is made of, one a peer, and one for the limit: the MatMul that nothing built on ONNX Runtime can beat. */
export function rowsOf({ title, tokens, ours, limit, peers: others, shareTarget }: Measured): string[][] {
  const rows = [[title, 'newshound', ...sideCells(ours, tokens)], ...besideRows(ours)];
  for (const [name, milliseconds] of Object.entries(ours.figures)) {
    const { label, aim } = figureLabels[name] ?? { label: name, aim: 1 };
    const share = milliseconds / ours.milliseconds.median;
    const aimed = `≤ ${aim * 100} % ${share <= aim ? '✓' : '✗'}`;
    rows.push(['', `· ${label}`, milliseconds.toFixed(0), '', '', `${(share * 100).toFixed(1)} %`, '', aimed]);
  }
  for (const [name, peer] of Object.entries(others)) {
    const label = peers[name as PeerName].title;
    if ('absent' in peer) rows.push(['', label, 'absent', '', '', '', peer.absent.slice(0, 60)]);
    else
      rows.push(
        ['', label, ...sideCells(peer, tokens), ...ratioCells(peer.speedup, '×', peer.target)],
        ...besideRows(peer),
      );
  }
  if (limit) {
    const cells = [limit.milliseconds.median.toFixed(0), rate(tokens, limit.milliseconds.median), ''];
    const label = `MatMul alone, ${limit.gflops.toFixed(0)} GFLOP/s`;
    rows.push(['', label, ...cells, ...ratioCells(limit.share, ' of it', shareTarget)]);
  }
  return rows;
}

function besideRows({ beside }: Side): string[][] {
  return Object.entries(beside).map(([name, milliseconds]) => ['', `· ${name}`, milliseconds.toFixed(0)]);
}

function sideCells({ milliseconds, peakBytes }: Side, tokens: number): string[] {
  return [milliseconds.median.toFixed(0), rate(tokens, milliseconds.median), `${(peakBytes / 2 ** 20).toFixed(0)} MiB`];
}

function ratioCells({ median, low, high }: Spread, unit: string, aim: number | null): string[] {
  const reached = aim === null ? '' : `≥ ${aim} ${median >= aim ? '✓' : '✗'}`;
  return [`${median.toFixed(2)}${unit}`, `${low.toFixed(2)}–${high.toFixed(2)}`, reached];
}

function rate(tokens: number, milliseconds: number): string {
  return ((tokens / milliseconds) * 1000).toFixed(0);
}
