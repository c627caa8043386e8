/**
 * Signals and names in words that do not exist, spelt as a language's words are: what they are about can only be copied. A model that can has learnt to read
 * news of any world; one that reads a generated world's words alone knows these by heart (docs/experiments.md, "Words that do not exist").
 */
import { signalKinds, type Signal } from '../data/rows.ts';
import { isContent, stopWords, words } from '../method/words.ts';
import type { Random } from '../random.ts';

/** What does not exist: another at each call. */
export interface MadeUp {
  signal(random: Random): Signal;
  /** A name built as `like` is: of its words some stay, some become others of the language, most become words that do not exist. */
  name(like: string, random: Random): string;
}

/** A letter depends on so many before it. */
const ORDER = 2;
const MOST_LETTERS = 16;
const BEGIN = '^';
const END = '$';

/** `texts` give the spelling. Words that carry no content are the language's own. */
export function createMadeUp(texts: Iterable<string>): MadeUp {
  const known = new Set<string>();
  for (const text of texts) for (const word of words(text)) known.add(word);
  const follow = spelling(known);
  const content = [...known].filter((word) => isContent(word) && /^[a-z]{3,}$/.test(word));
  const common = [...stopWords];

  const plainWord = (random: Random): string => {
    let word = BEGIN.repeat(ORDER);
    while (word.length < ORDER + MOST_LETTERS) {
      const letter = random.pick(follow.get(word.slice(-ORDER)) ?? [END]);
      if (letter === END) break;
      word += letter;
    }
    return word.length > ORDER + 1 ? word.slice(ORDER) : plainWord(random);
  };
  const word = (random: Random): string => {
    const kind = random.uniform();
    if (kind < 0.05) return String(random.integer(2100));
    if (kind < 0.09) return `${plainWord(random)}'s`;
    return kind < 0.13 ? `${plainWord(random)}-${plainWord(random)}` : plainWord(random);
  };
  const sentence = (random: Random, length: number, ofCommon: number, ofMarks: number): string =>
    Array.from({ length }, (_, i) => {
      const before = i === 0 ? '' : random.uniform() < ofMarks ? random.pick(marks) : ' ';
      return before + (random.uniform() < ofCommon ? random.pick(common) : word(random));
    }).join('');
  const site = (random: Random): string =>
    random.uniform() < 0.5
      ? ''
      : ` ${random.pick(['|', '-'])} ${capital(plainWord(random))} ${capital(plainWord(random))}`;

  const name = (like: string, random: Random): string => {
    const parts = like.split(' ').map((part) => {
      const way = random.uniform();
      if (way < 0.2) return part;
      const other = way < 0.45 ? random.pick(content) : plainWord(random);
      return part === part.toLowerCase() ? other : capital(other);
    });
    return parts.join(' ') === like ? name(like, random) : parts.join(' ');
  };

  return {
    name,
    signal: (random) => {
      const kind = random.pick(signalKinds);
      const text =
        kind === 'search'
          ? sentence(random, 2 + random.integer(4), 0.1, 0)
          : sentence(random, 5 + random.integer(8), 0.4, 0.12) + (kind === 'page' ? site(random) : '');
      return { kind, text, at: 0, articleId: null };
    },
  };
}

/** What stands between two words of a headline, where it is no space. */
const marks = [', ', ': ', ' - ', '? ', '. ', '; ', " '", "' ", ' "', '" ', ' & ', ' ('] as const;

/** The letters that follow each `ORDER` letters in different words, as often as they do. */
function spelling(known: ReadonlySet<string>): Map<string, string[]> {
  const follow = new Map<string, string[]>();
  for (const word of known) {
    const letters = BEGIN.repeat(ORDER) + word + END;
    for (let i = ORDER; i < letters.length; i++) {
      const before = letters.slice(i - ORDER, i);
      const after = follow.get(before);
      if (after) after.push(letters[i]);
      else follow.set(before, [letters[i]]);
    }
  }
  return follow;
}

function capital(word: string): string {
  return word[0].toUpperCase() + word.slice(1);
}
