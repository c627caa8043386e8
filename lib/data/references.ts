/** Articles that rows name but the source lacks: left out of the rows, counted, refused where they are many. */
import { DataError } from '../errors.ts';
import { quarantined } from './quarantine.ts';
import type { QuarantineRow } from './rows.ts';

export interface References {
  /** The ids of articles that are there, each once, in order. */
  known(ids: readonly string[]): string[];
  /** One row that counts what was left out, none for none. Throws DataError where that is more than `limit` of all references. */
  leftOut(limit: number): QuarantineRow[];
}

/** `place`: the file as the operator finds it; `name`: as the quarantine names it; `articlesFile`: where the articles should be. */
export function openReferences(
  articles: { has(id: string): boolean },
  { place, name, articlesFile, what }: { place: string; name: string; articlesFile: string; what?: string },
): References {
  const unknown = new Set<string>();
  let references = 0;
  let dropped = 0;
  return {
    known(ids) {
      references += ids.length;
      return [...new Set(ids)].filter((id) => {
        if (articles.has(id)) return true;
        unknown.add(id);
        dropped++;
        return false;
      });
    },
    leftOut(limit) {
      if (dropped === 0) return [];
      const examples = [...unknown].slice(0, 5).join(' ');
      const found = `${dropped} of ${references} references${what === undefined ? '' : ` ${what}`} are to ${unknown.size} articles that ${articlesFile} lacks: ${examples}`;
      if (dropped > limit * references)
        throw new DataError(
          `${place}: ${found}. Do the two belong together? source.quarantineLimit allows ${limit * 100} %`,
        );
      return [quarantined(name, 0, 'unknown articles, left out of the rows that name them', found)];
    },
  };
}
