/** The weights of a model as Transformers lays them out: `model.safetensors`, or shards of bounded size with an index beside them. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type StoredTensor, writeSafetensors } from './safetensors.ts';

/** What Transformers called its shards' size for years; Node writes files of less than 2 GiB in one call. */
export const defaultShardBytes = 2e9;

export interface CheckpointPlan {
  /** Bytes of each tensor, in the order in which they are stored. */
  bytes: ReadonlyMap<string, number>;
  /** Called once a tensor, shard by shard: memory holds one shard at a time. */
  tensor: (name: string) => StoredTensor;
  /** Of a shard at most; a tensor that is larger has a shard of its own. */
  maxShardBytes: number;
}

/** Writes a checkpoint into a folder; files of an earlier one there are removed. Equal tensors give equal bytes. */
export function writeCheckpoint(folder: string, { bytes, tensor, maxShardBytes }: CheckpointPlan): void {
  for (const name of readdirSync(folder)) {
    if (checkpointFile.test(name)) rmSync(join(folder, name));
  }
  const shards = shardsOf(bytes, maxShardBytes);
  const fileOf = (shard: number): string =>
    shards.length === 1
      ? 'model.safetensors'
      : `model-${fiveDigits(shard + 1)}-of-${fiveDigits(shards.length)}.safetensors`;
  shards.forEach((names, shard) => {
    const tensors = new Map(names.map((name) => [name, tensor(name)]));
    writeFileSync(join(folder, fileOf(shard)), writeSafetensors(tensors, { format: 'pt' }));
  });
  if (shards.length === 1) return;
  const index = {
    metadata: { total_size: [...bytes.values()].reduce((total, size) => total + size, 0) },
    weight_map: Object.fromEntries(shards.flatMap((names, shard) => names.map((name) => [name, fileOf(shard)]))),
  };
  writeFileSync(join(folder, 'model.safetensors.index.json'), `${JSON.stringify(index, null, 1)}\n`);
}

const checkpointFile = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/;

/** Names in order, cut where the next would not fit. At least one shard. */
function shardsOf(bytes: ReadonlyMap<string, number>, most: number): string[][] {
  const shards: string[][] = [[]];
  let filled = 0;
  for (const [name, size] of bytes) {
    if (filled > 0 && filled + size > most) {
      shards.push([]);
      filled = 0;
    }
    shards[shards.length - 1].push(name);
    filled += size;
  }
  return shards;
}

function fiveDigits(number: number): string {
  return String(number).padStart(5, '0');
}
