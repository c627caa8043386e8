/**
 * Random walks with restarts on the graph of readers and of what they searched, read and clicked before their cutoff (Ying et al. 2018,
 * section 3.2; Eksombatchai et al. 2018). An article, or a text, is one node for all its readers. Clicks after the cutoff are no edges:
 * they are what is to be learned.
 */
import type { Reader } from '../data/rows.ts';
import { Random } from '../random.ts';

/** The most visited nodes, most visits first: [starts × count]. Weights of a start sum to 1; where nodes are fewer, id 0 with weight 0. */
export interface Neighbourhoods {
  ids: Int32Array;
  weights: Float32Array;
}

export interface Walks {
  nodes: number;
  nodeOf(reader: number, signal: number): number;
  aroundReaders(readers: readonly number[], count: number): Neighbourhoods;
  /** Of every node; a node is not its own neighbour. */
  aroundNodes(count: number): Neighbourhoods;
}

/** Visits from one start. */
const VISITS = { reader: 200, node: 60 } as const;
/** Probability that a walk begins again after a visit. */
const RESTART = 0.5;

/** Deterministic: a start's walks are keyed by the seed and its number. */
export function openWalks(readers: readonly Reader[], seed: number): Walks {
  const numbers = new Map<string, number>();
  const nodesOf = readers.map(({ signals }) =>
    signals.map(({ articleId, text }) => {
      const key = articleId ?? text;
      const known = numbers.get(key) ?? numbers.size;
      numbers.set(key, known);
      return known;
    }),
  );
  const readersOf: number[][] = Array.from({ length: numbers.size }, () => []);
  nodesOf.forEach((nodes, reader) => {
    for (const node of nodes) readersOf[node].push(reader);
  });

  /** Visits of the walks from a reader, or from a node by way of its readers. */
  const visits = (start: readonly number[], count: number, random: Random): Map<number, number> => {
    const counts = new Map<number, number>();
    let reader = random.pick(start);
    for (let visit = 0; visit < count; visit++) {
      const node = random.pick(nodesOf[reader]);
      counts.set(node, (counts.get(node) ?? 0) + 1);
      reader = random.uniform() < RESTART ? random.pick(start) : random.pick(readersOf[node]);
    }
    return counts;
  };
  const neighbourhoods = (all: Iterable<Map<number, number>>, starts: number, count: number): Neighbourhoods => {
    const [ids, weights] = [new Int32Array(starts * count), new Float32Array(starts * count)];
    let row = 0;
    for (const counts of all) {
      const most = [...counts].sort(([a, m], [b, n]) => n - m || a - b).slice(0, count);
      const total = most.reduce((sum, [, n]) => sum + n, 0);
      most.forEach(([node, n], i) => {
        ids[row + i] = node;
        weights[row + i] = n / total;
      });
      row += count;
    }
    return { ids, weights };
  };
  const ofReaders = new Map<number, Map<number, number>>();
  const aroundReader = (reader: number): Map<number, number> => {
    const known =
      ofReaders.get(reader) ??
      (nodesOf[reader].length === 0
        ? new Map<number, number>()
        : visits([reader], VISITS.reader, new Random('walks of a reader', seed, reader)));
    ofReaders.set(reader, known);
    return known;
  };

  return {
    nodes: Math.max(1, numbers.size),
    nodeOf: (reader, signal) => nodesOf[reader][signal],
    aroundReaders: (chosen, count) => neighbourhoods(chosen.map(aroundReader), chosen.length, count),
    aroundNodes: (count) => {
      const around = readersOf.map((start, node) => {
        const counts = visits(start, VISITS.node, new Random('walks of a node', seed, node));
        counts.delete(node);
        return counts;
      });
      return neighbourhoods(around, Math.max(1, readersOf.length), count);
    },
  };
}
