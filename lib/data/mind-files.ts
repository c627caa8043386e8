/**
 * Where the files of a MIND folder are: as published (MINDsmall_train, MINDsmall_dev, each with its news.tsv), as train and dev (or valid)
 * with one news.tsv, or a single behaviors.tsv whose last part is to be the test.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.ts';
import { namesUnder } from './folder.ts';

export interface MindFile {
  path: string;
  /** Relative to the source's folder, for the quarantine: the same on every machine. */
  name: string;
}

export interface MindFiles {
  news: MindFile[];
  train: MindFile;
  /** Null: there is none, the last part of train stands for it. */
  dev: MindFile | null;
}

const layout =
  'A MIND folder holds train/behaviors.tsv and dev/behaviors.tsv (or MINDsmall_train, MINDsmall_dev, …), and news.tsv beside or in them; or one behaviors.tsv and news.tsv';

/** Throws DataError that names what is missing. */
export function findMindFiles(path: string): MindFiles {
  if (!existsSync(path)) throw new DataError(`${path} does not exist. ${layout}`);
  if (!statSync(path).isDirectory()) throw new DataError(`${path} is not a folder. ${layout}`);
  const train = existsSync(join(path, 'behaviors.tsv')) ? '' : splitFolder(path, 'train', ['train']);
  if (train === null) throw new DataError(`${path} has no folder "train" or "…_train". ${layout}${packed(path)}`);
  const dev = train === '' ? null : splitFolder(path, 'dev', ['dev', 'valid', 'val', 'validation']);
  const file = (...parts: string[]): MindFile => {
    const name = parts.filter((part) => part !== '').join('/');
    return { path: join(path, name), name };
  };
  const folders = [train, ...(dev === null ? [] : [dev])];
  const news = [...new Set(['', ...folders])]
    .map((folder) => file(folder, 'news.tsv'))
    .filter((at) => existsSync(at.path));
  if (news.length === 0) {
    const places = [...new Set([path, ...folders.map((folder) => join(path, folder))])];
    throw new DataError(`there is no news.tsv in ${places.join(' or ')}. ${layout}${packed(path)}`);
  }
  const behaviors = folders.map((folder) => file(folder, 'behaviors.tsv'));
  const missing = behaviors.find((at) => !existsSync(at.path));
  if (missing) throw new DataError(`${missing.path} does not exist. ${layout}${packed(path)}`);
  return { news, train: behaviors[0], dev: behaviors[1] ?? null };
}

/** The folder's name under `path`, of a folder in a folder of the same name the inner one's; null where there is none. */
function splitFolder(path: string, split: string, names: readonly string[]): string | null {
  const found = readdirSync(path).filter(
    (name) => new RegExp(`^(.*_)?(${names.join('|')})$`, 'i').test(name) && statSync(join(path, name)).isDirectory(),
  );
  if (found.length > 1)
    throw new DataError(
      `${path} has ${found.length} folders that may be ${split}: ${found.sort().join(', ')}. Leave one, or name a folder with one MIND set`,
    );
  const [name] = found;
  if (name === undefined) return null;
  return existsSync(join(path, name, name, 'behaviors.tsv')) ? `${name}/${name}` : name;
}

/** What is only packed is not there. */
function packed(path: string): string {
  const archives = namesUnder(path).filter((name) => /\.(zip|gz|tar|tgz|7z)$/i.test(name));
  return archives.length === 0 ? '' : `. Unpack ${archives.join(', ')} first`;
}
