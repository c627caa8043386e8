/**
 * People and things that no model has read of: names of a reader's are exchanged for made-up ones, in the signals and in what these are about.
 * News bring such names every day. A model that never met one writes known names instead (docs/experiments.md,
 * "Names that nobody knows").
 */
import type { Signal } from '../data/rows.ts';
import { topics } from '../data/world/lexicon/topics.ts';
import { spokenForms, type Subject } from '../data/world/wording.ts';
import type { Random } from '../random.ts';
import type { MadeUp } from './made-up.ts';

/** A signal, and what it is about; noise is about nothing. */
export interface AnnotatedSignal {
  signal: Signal;
  about: Subject | null;
}

/**
 * The reader's signals, each entity of theirs exchanged with probability `share`. Name and alias become two different names: that they are one, nobody
 * can tell. Signals that spell neither, mistyped ones, are left out.
 */
export function withUnfamiliarNames(
  signals: readonly AnnotatedSignal[],
  share: number,
  madeUp: MadeUp,
  random: Random,
): AnnotatedSignal[] {
  const exchanged = new Map<string, { form: string; name: string }[] | null>();
  const formsOf = (subject: Subject): { form: string; name: string }[] | null => {
    const key = `${subject.topic}/${subject.entity}`;
    if (!exchanged.has(key)) {
      const forms = spokenForms(subject).map((form) => ({ form, name: madeUp.name(form, random) }));
      // The longer first: one may be part of the other.
      exchanged.set(key, random.uniform() < share ? forms.sort((a, b) => b.form.length - a.form.length) : null);
    }
    return exchanged.get(key) ?? null;
  };
  return signals.flatMap(({ signal, about }) => {
    const forms = about && formsOf(about);
    if (about === null || forms === null) return [{ signal, about }];
    const text = signal.text.toLowerCase();
    const said = forms.find(({ form }) => text.includes(form.toLowerCase()));
    if (said === undefined) return [];
    return [
      {
        signal: { ...signal, text: exchange(signal.text, said.form, said.name) },
        about: { ...about, entity: topics[about.topic].entities.length, name: said.name.toLowerCase() },
      },
    ];
  });
}

/** `name` wherever `form` is, in the case that it has there. */
function exchange(text: string, form: string, name: string): string {
  const found = new RegExp(form.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`), 'gi');
  return text.replaceAll(found, (there) => {
    if (there === there.toLowerCase()) return name.toLowerCase();
    return /^\p{Lu}/u.test(there) ? name.charAt(0).toUpperCase() + name.slice(1) : name;
  });
}
