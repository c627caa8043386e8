/** Signals that say nothing of the news a reader needs, and the personal data that people type into search boxes. */
import type { Random } from '../../random.ts';
import {
  everydaySearches,
  everydaySlots,
  junkPages,
  mailDomains,
  navigations,
  pageSites,
  personNames,
  randomCharacters,
  sites,
} from './lexicon/noise.ts';

export interface Noise {
  kind: 'search' | 'page';
  text: string;
}

/** An everyday question, searched or browsed: a real need, but not for news. */
export function everyday(random: Random): Noise {
  const text = random
    .pick(everydaySearches)
    .replaceAll(/\{(\w+)\}/g, (_, slot: string) => random.pick(everydaySlots[slot]));
  if (random.uniform() < 0.7) return { kind: 'search', text };
  return { kind: 'page', text: `${text.charAt(0).toUpperCase()}${text.slice(1)} - ${random.pick(pageSites)}` };
}

/** Going somewhere by search box, pages of no content, keys hit by accident, or a bare piece of personal data. */
export function clutter(random: Random): Noise {
  const use = random.uniform();
  if (use < 0.52) return { kind: 'search', text: random.pick(navigations).replace('{site}', random.pick(sites)) };
  if (use < 0.82)
    return { kind: 'page', text: random.pick(junkPages).replace('{count}', String(1 + random.integer(40))) };
  if (use < 0.96)
    return {
      kind: 'search',
      text: Array.from(
        { length: 3 + random.integer(6) },
        () => randomCharacters[random.integer(randomCharacters.length)],
      ).join(''),
    };
  return {
    kind: 'search',
    text: random.uniform() < 0.5 ? `who called me from ${phone(random)}` : personalData(random),
  };
}

/** An invented e-mail address, phone number or card-like number: reserved domains and exchanges, a card of a test range. */
export function personalData(random: Random): string {
  switch (random.integer(3)) {
    case 0:
      return `${random.pick(personNames)}@${random.pick(mailDomains)}`;
    case 1:
      return phone(random);
    default:
      return card(random);
  }
}

function phone(random: Random): string {
  const area = 201 + random.integer(700);
  const line = `01${String(random.integer(100)).padStart(2, '0')}`;
  return random.pick([`(${area}) 555-${line}`, `${area}-555-${line}`, `${area} 555 ${line}`, `+1 ${area} 555 ${line}`]);
}

/** Sixteen digits that pass the Luhn check. */
function card(random: Random): string {
  const digits = [4, 0, 0, 0, 0, 0, ...Array.from({ length: 9 }, () => random.integer(10))];
  const sum = digits.reduce((total, digit, i) => total + (i % 2 === 0 ? doubled(digit) : digit), 0);
  const text = [...digits, (10 - (sum % 10)) % 10].join('');
  return random.uniform() < 0.5 ? text : text.replaceAll(/(\d{4})(?=\d)/g, '$1 ');
}

function doubled(digit: number): number {
  return digit < 5 ? digit * 2 : digit * 2 - 9;
}
