/** `newshound config`: every setting with its type, default and meaning; and the pipelines and profiles there are. */
import { ConfigError } from '../lib/errors.ts';
import { loadConfig } from '../lib/pipeline/config.ts';
import { describeSettings } from '../lib/pipeline/settings.ts';
import { formatTable } from './table.ts';

/** The text that `newshound config [section]` prints. Throws ConfigError for a section that does not exist, or a bad file. */
export function settingsText(file: string, section: string | null): string {
  const { pipelines, profiles } = loadConfig(file);
  const all = describeSettings();
  const rows = section === null ? all : all.filter(({ key }) => key === section || key.startsWith(`${section}.`));
  if (rows.length === 0) {
    const sections = [...new Set(all.map(({ key }) => key.split('.', 1)[0]))];
    throw new ConfigError(`there is no section or setting "${section}". Sections: ${sections.join(', ')}`);
  }
  const settings = formatTable(
    (['setting', 'type', 'default', 'meaning'] as const).map((title) => ({ title, align: 'left' })),
    rows.map((row) => [row.key, row.type, row.default, row.description]),
  );
  if (section !== null) return settings;
  const named = [
    ...[...pipelines.values()].map(({ name, profile, description }) => [
      'pipeline',
      name,
      `${description} (profile ${profile})`,
    ]),
    ...[...profiles.values()].map(({ name, description }) => ['profile', name, description]),
  ];
  const names = formatTable(
    (['', `in ${file}`, ''] as const).map((title) => ({ title, align: 'left' })),
    named,
  );
  return `${settings}\n\n${names}`;
}
