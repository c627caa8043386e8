/** Where the files of a MIND folder are: as published (MINDsmall_train, MINDsmall_dev, each with its news.tsv) or as train, dev and one news.tsv. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.ts';

export interface MindFile {
  path: string;
  /** Relative to the source's folder, for the quarantine: the same on every machine. */
  name: string;
}

export interface MindFiles {
  news: MindFile[];
  train: MindFile;
  dev: MindFile;
}

const layout =
  'A MIND folder holds train/behaviors.tsv and dev/behaviors.tsv (or MINDsmall_train, MINDsmall_dev, …), and news.tsv beside or in them';

/** Throws DataError that names what is missing. */
export function findMindFiles(path: string): MindFiles {
  if (!existsSync(path)) throw new DataError(`${path} does not exist. ${layout}`);
  if (!statSync(path).isDirectory()) throw new DataError(`${path} is not a folder. ${layout}`);
  const train = splitFolder(path, 'train');
  const dev = splitFolder(path, 'dev');
  const file = (...parts: string[]): MindFile => ({ path: join(path, ...parts), name: parts.join('/') });
  const news = [file('news.tsv'), file(train, 'news.tsv'), file(dev, 'news.tsv')].filter((at) => existsSync(at.path));
  if (news.length === 0)
    throw new DataError(`there is no news.tsv in ${path}, ${join(path, train)} or ${join(path, dev)}. ${layout}`);
  const behaviors = [file(train, 'behaviors.tsv'), file(dev, 'behaviors.tsv')];
  const missing = behaviors.find((at) => !existsSync(at.path));
  if (missing) throw new DataError(`${missing.path} does not exist. ${layout}`);
  return { news, train: behaviors[0], dev: behaviors[1] };
}

function splitFolder(path: string, split: 'train' | 'dev'): string {
  const found = readdirSync(path, { withFileTypes: true })
    .map(({ name }) => name)
    .filter((name) => new RegExp(`^(.*_)?${split}$`, 'i').test(name) && statSync(join(path, name)).isDirectory());
  if (found.length === 1) return found[0];
  if (found.length === 0) throw new DataError(`${path} has no folder "${split}" or "…_${split}". ${layout}`);
  throw new DataError(
    `${path} has ${found.length} folders that may be ${split}: ${found.sort().join(', ')}. Leave one, or name a folder with one MIND set`,
  );
}
