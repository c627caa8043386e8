/** Which readers a round trains on: every reader once an epoch, in an order that is a function of seed and epoch alone. */
import { Random } from '../random.ts';

/** The `count` readers of a round, wrapping into the next epoch where one ends; fewer where one would come twice, with the same lists. */
export function readersOfRound<T>(readers: readonly T[], round: number, count: number, seed: number): T[] {
  const orders = new Map<number, number[]>();
  const orderOf = (epoch: number): number[] => {
    const known = orders.get(epoch);
    if (known) return known;
    const order = new Random('order', seed, epoch).shuffle(readers.map((_, i) => i));
    orders.set(epoch, order);
    return order;
  };
  const drawn = Array.from({ length: count }, (_, i) => {
    const position = round * count + i;
    return readers[orderOf(Math.floor(position / readers.length))[position % readers.length]];
  });
  return [...new Set(drawn)];
}

/** Contiguous part `shard` of `shards`, their sizes differing by at most one. */
export function shardOf<T>(items: readonly T[], shard: number, shards: number): T[] {
  const at = (i: number): number => Math.floor((i * items.length) / shards);
  return items.slice(at(shard), at(shard + 1));
}
