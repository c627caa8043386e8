/** The part of the settings that a stage reads. Pure, without dependencies: workflows import it. */
import type { Settings } from './stage-settings.ts';

type Section = Record<string, unknown>;

/** `settings` with nothing but what `reads` names: sections, or `section.key` for one part of a section. */
export function settingsRead(settings: Settings, reads: readonly string[]): Settings {
  const all = settings as unknown as Record<string, Section>;
  const read: Record<string, Section> = {};
  for (const name of reads) {
    const [section, key] = name.split('.');
    read[section] = key === undefined ? all[section] : { ...read[section], [key]: all[section][key] };
  }
  return read as unknown as Settings;
}
