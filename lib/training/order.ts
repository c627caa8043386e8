/** Which readers a round trains on: every reader once an epoch, in an order that is a function of seed and epoch alone. */
import { Random } from '../random.ts';

/** The `count` readers of a round (all, where there are fewer), wrapping into the next epoch where one ends. None comes twice: its lists would be the same. */
export function readersOfRound<T>(readers: readonly T[], round: number, count: number, seed: number): T[] {
  const orders = new Map<number, number[]>();
  const orderOf = (epoch: number): number[] => {
    const known = orders.get(epoch);
    if (known) return known;
    const order = new Random('order', seed, epoch).shuffle(readers.map((_, i) => i));
    orders.set(epoch, order);
    return order;
  };
  const drawn = new Set<number>();
  for (let position = round * count; drawn.size < Math.min(count, readers.length); position++)
    drawn.add(orderOf(Math.floor(position / readers.length))[position % readers.length]);
  return Array.from(drawn, (i) => readers[i]);
}

/** Contiguous part `shard` of `shards`, their sizes differing by at most one. */
export function shardOf<T>(items: readonly T[], shard: number, shards: number): T[] {
  const at = (i: number): number => Math.floor((i * items.length) / shards);
  return items.slice(at(shard), at(shard + 1));
}
