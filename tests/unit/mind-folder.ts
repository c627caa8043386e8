/** A small MIND folder, and the same with whatever is changed in it. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { CanonicalTables } from '../../lib/data/canonical.ts';
import { type SourceSettings, sourceSettings } from '../../lib/pipeline/stage-settings.ts';

export const now = Date.UTC(2019, 11, 1);

export const news = (id: string, title = `Title of ${id}`): string =>
  `${id}\tnews\tworld\t${title}\tAbout ${id}\t\t[]\t[]`;
export const allNews = ['N1', 'N2', 'N3', 'N4', 'N5', 'N6', 'N7', 'N8', 'N9'].map((id) => news(id));
export const train = [
  '1\tU1\t11/9/2019 8:00:00 AM\tN1 N2 N3\tN4-1 N5-0',
  '2\tU2\t11/9/2019 12:30:00 PM\t\tN4-0 N5-1',
  '3\tU1\t11/14/2019 11:59:59 PM\tN1 N2 N3 N9\tN5-1 N6-1',
];
export const dev = [
  '1\tU1\t11/15/2019 8:00:00 AM\tN1 N2 N3 N9\tN5-1 N7-1 N6-0',
  '2\tU3\t11/15/2019 12:00:00 AM\tN1\tN7-1',
];

export type Content = readonly (string | Uint8Array)[];

/** A folder with `files`, and the settings that read it. */
export function folderWith(files: Record<string, Content>, settings: Partial<SourceSettings> = {}): SourceSettings {
  const path = mkdtempSync(join(tmpdir(), 'newshound-mind-'));
  for (const [name, lines] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')])));
  }
  return sourceSettings.parse({ kind: 'mind', path, quarantineLimit: 1, ...settings });
}

export function sample(changes: Record<string, Content> = {}): SourceSettings {
  return folderWith({ 'news.tsv': allNews, 'train/behaviors.tsv': train, 'dev/behaviors.tsv': dev, ...changes });
}

export const reasonsOf = ({ quarantine }: CanonicalTables): [string, number, string][] =>
  quarantine.map(({ source, row, reason }) => [source, row, reason]);
