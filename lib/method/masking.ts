/**
 * Personal data in signals becomes a placeholder before anything else reads them. Kinds with a checksum (cards, IBAN) are masked only
 * where it holds; phone numbers only in the ways people write them: a year, a score, a price or a version stays what it is.
 */

export const personalKinds = ['email', 'iban', 'card', 'ssn', 'ip', 'phone'] as const;
export type PersonalKind = (typeof personalKinds)[number];

export interface Masked {
  text: string;
  /** How many of each kind were masked. */
  found: Record<PersonalKind, number>;
}

/** The text with personal data replaced by "[email]", "[phone]" and so on. Masking a masked text changes nothing. */
export function maskPersonalData(text: string): Masked {
  const found = Object.fromEntries(personalKinds.map((kind) => [kind, 0])) as Masked['found'];
  let masked = text;
  for (const kind of personalKinds) {
    for (const { pattern, keep } of rules[kind]) {
      masked = masked.replace(pattern, (match) => {
        const taken = keep(match);
        if (taken === 0) return match;
        found[kind]++;
        return `[${kind}]${match.slice(taken)}`;
      });
    }
  }
  return { text: masked, found };
}

/** A pattern, and how many characters of a match are really of the kind (0: none; a greedy match may run into the next word). */
interface Rule {
  pattern: RegExp;
  keep: (match: string) => number;
}

const octet = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)';
const whole = (match: string): number => match.length;
const whenDigits =
  (least: number, most: number) =>
  (match: string): number => {
    const count = digitsOf(match).length;
    return count >= least && count <= most ? match.length : 0;
  };

const rules: Record<PersonalKind, readonly Rule[]> = {
  email: [
    {
      pattern:
        /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}])/gu,
      keep: whole,
    },
  ],
  iban: [{ pattern: /(?<![\p{L}\p{N}])[a-z]{2}\d{2}(?: ?[a-z\d]){11,38}/giu, keep: ibanLength }],
  card: [
    {
      pattern: /(?<![\d.,-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\d]|[.,]\d)/g,
      keep: (match) => (isCard(match) ? match.length : 0),
    },
  ],
  ssn: [{ pattern: /(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])/g, keep: whole }],
  ip: [
    { pattern: new RegExp(`(?<![\\d.])(?:${octet}\\.){3}${octet}(?!\\d|\\.\\d)`, 'g'), keep: whole },
    {
      pattern: /(?<![\p{L}\p{N}:])[\da-f:]{6,39}(?![\p{L}\p{N}:])/giu,
      keep: (match) => (isIpv6(match) ? match.length : 0),
    },
  ],
  phone: [
    // +49 30 1234567, 0044 20 7946 0958, +1 (555) 123-4567
    {
      pattern: /(?<![\p{L}\p{N}.,])(?:\+|00)[1-9]\d{0,2}(?:[ .-]?\(?\d{1,4}\)?){2,6}(?!\d|,\d)/gu,
      keep: whenDigits(9, 15),
    },
    // (555) 234-5678, 555-234-5678, 1-555-234-5678
    {
      pattern: /(?<![\d.,-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}([ .-]))[2-9]\d{2}[ .-]\d{4}(?![\d-]|[.,]\d)/g,
      keep: whole,
    },
    // 020 7946 0958, 030 1234567, 06 12 34 56 78
    { pattern: /(?<![\d.,/-])0\d{1,4}[ /-]\d{3,4}[ -]?\d{3,4}(?![\d/-]|[.,]\d)/g, keep: whenDigits(9, 12) },
    { pattern: /(?<![\d.,/-])0\d(?:[ .-]\d{2}){4}(?![\d/-]|[.,]\d)/g, keep: whole },
  ],
};

function digitsOf(text: string): string {
  return text.replace(/\D/g, '');
}

/** 13 to 19 digits in one run or in groups with one kind of separator, with the Luhn check digit. */
function isCard(match: string): boolean {
  const digits = digitsOf(match);
  if (digits.length < 13 || digits.length > 19) return false;
  const separators = new Set(match.replace(/\d/g, ''));
  const groups = match.split(/[ -]/);
  if (separators.size > 1 || (groups.length > 1 && groups.some((group) => group.length < 2))) return false;
  let sum = 0;
  [...digits].toReversed().forEach((digit, i) => {
    const doubled = i % 2 === 0 ? Number(digit) : Number(digit) * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  });
  return sum % 10 === 0;
}

/** Characters of the longest prefix that is an IBAN (ISO 13616: 15 to 34 characters, remainder 1 modulo 97); 0 where none is. */
function ibanLength(match: string): number {
  for (let end = match.length; end >= 15; end--) {
    const next = match[end];
    if (match[end - 1] === ' ' || (next !== undefined && next !== ' ')) continue;
    const compact = match.slice(0, end).replaceAll(' ', '').toUpperCase();
    if (compact.length < 15) return 0;
    if (compact.length > 34) continue;
    let remainder = 0;
    for (const character of compact.slice(4) + compact.slice(0, 4)) {
      for (const digit of String(Number.parseInt(character, 36))) remainder = (remainder * 10 + Number(digit)) % 97;
    }
    if (remainder === 1) return end;
  }
  return 0;
}

/** Eight groups, or at least three around one "::". A time of day has no "::" and too few groups. */
function isIpv6(match: string): boolean {
  const halves = match.split('::');
  if (halves.length > 2 || !/\d/.test(match)) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (groups.some((group) => !/^[\da-f]{1,4}$/i.test(group))) return false;
  return halves.length === 2 ? groups.length >= 3 && groups.length < 8 : groups.length === 8;
}
