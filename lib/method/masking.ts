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
  // Spaces and hyphens that do not break are spaces and hyphens.
  let masked = text.replace(/[\u00A0\u202F]/g, ' ').replace(/[\u2010\u2011]/g, '-');
  for (const kind of personalKinds) {
    for (const rule of rules[kind]) {
      const parts = maskOne(masked, rule);
      found[kind] += parts.length - 1;
      masked = parts.join(`[${kind}]`);
    }
  }
  return { text: masked, found };
}

/** What stands between the text's matches of a rule. A match that is none may hide one that begins a word later. */
function maskOne(text: string, { pattern, keep }: Rule): string[] {
  const parts: string[] = [];
  let from = 0;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const taken = keep(match[0]);
    if (taken === 0) {
      pattern.lastIndex = match.index + firstWord(match[0]).length;
      continue;
    }
    parts.push(text.slice(from, match.index));
    from = match.index + taken;
    pattern.lastIndex = from;
  }
  return [...parts, text.slice(from)];
}

function firstWord(text: string): string {
  return /^(?:[\p{L}\p{N}]+|[^\p{L}\p{N}]+)/u.exec(text)?.[0] ?? text;
}

/** A masked text without its placeholders: they say nothing of what a reader wants to know. */
export function withoutPlaceholders(text: string): string {
  return text.replace(placeholder, ' ');
}

const placeholder = new RegExp(`\\[(?:${personalKinds.join('|')})\\]`, 'g');

/** A pattern, and how many characters of a match are really of the kind (0: none; a greedy match may run into the next word). */
interface Rule {
  pattern: RegExp;
  keep: (match: string) => number;
}

const octet = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)';
const whole = (match: string): number => match.length;
const whenDigits = (least: number, most: number): Rule['keep'] =>
  longest((match) => {
    const count = digitsOf(match).length;
    return count >= least && count <= most;
  });

/** The longest beginning of a match that is one and ends with a group of digits: another number may follow (a year, a postcode). */
function longest(isOne: (match: string) => boolean): Rule['keep'] {
  return (match) => {
    const ends = [...match.matchAll(/(?<=[\d)])(?=[ .-]|$)/g)].map(({ index }) => index);
    return ends.toReversed().find((end) => isOne(match.slice(0, end))) ?? 0;
  };
}

const rules: Record<PersonalKind, readonly Rule[]> = {
  email: [
    {
      pattern:
        /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}])/gu,
      keep: whole,
    },
  ],
  iban: [{ pattern: /(?<![\p{L}\p{N}])[a-z]{2}\d{2}(?: ?[a-z\d]){11,30}/giu, keep: ibanLength }],
  card: [
    {
      pattern: /(?<!\d|\d[.,]|-)[2-6]\d{3}(?:[ -]?\d){9,15}(?!\d)/g,
      keep: longest(isCard),
    },
  ],
  ssn: [
    { pattern: /(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])/g, keep: whole },
    // With spaces it could be anything, but for what is said before.
    { pattern: /(?<=(?:ssn|social security)[^\d]{0,12})\d{3} ?\d{2} ?\d{4}(?!\d)/gi, keep: whole },
  ],
  ip: [
    { pattern: new RegExp(`(?<![\\d.])(?:${octet}\\.){3}${octet}(?!\\d|\\.\\d)`, 'g'), keep: whole },
    {
      pattern: /(?<![\p{L}\p{N}:])[\da-f:]{6,39}(?![\p{L}\p{N}:])/giu,
      keep: (match) => (isIpv6(match) ? match.length : 0),
    },
  ],
  phone: [
    // +49 30 1234567, +49 (0)30/1234567, 0044 20 7946 0958, +1 (555) 123-4567
    {
      // One digit a step: with groups of several, a run of digits could be split in thousands of ways, and each be tried.
      pattern: /(?<![\p{L}\p{N}.,])(?:\+|00)[1-9](?:[ ./-]?\(?\d\)?){6,26}(?!\d|,\d)/gu,
      keep: whenDigits(9, 15),
    },
    // (555) 234-5678, (555)-234-5678, 555-234-5678, 1-555-234-5678, 1(555)234-5678
    {
      pattern:
        /(?<![\d.,-])(?:1[ .-]|1(?=\())?(?:\([2-9]\d{2}\)[ .-]?|[2-9]\d{2}([ .-]))[2-9]\d{2}[ .-]\d{4}(?![\d-]|[.,]\d)/g,
      keep: whole,
    },
    // (020) 7946 0958, 020 7946 0958, 030 1234567, 06 12 34 56 78, 07700900123
    { pattern: /(?<![\d.,/-])0\d{1,4}[ /-]\d{3,4}[ -]?\d{3,4}(?![\d/-]|[.,]\d)/g, keep: whenDigits(9, 12) },
    { pattern: /(?<![\d.,/-])\(0\d{1,4}\)[ /-]?\d{3,4}[ -]?\d{3,4}(?![\d/-]|[.,]\d)/g, keep: whenDigits(9, 12) },
    { pattern: /(?<![\p{L}\d.,:/-])0[1-9]\d{8,9}(?![\p{L}\d]|[.,:/-]\d)/gu, keep: whole },
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

/** Characters of an IBAN's country, in registry order: a match may run into the next word, the length says where it ends. */
const ibanLengths = new Map(
  `AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22
  GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31
  MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20`
    .split(/\s+/)
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** Characters of the match that are an IBAN (ISO 13616: the country's length, remainder 1 modulo 97); 0 where none is. */
function ibanLength(match: string): number {
  const length = ibanLengths.get(match.slice(0, 2).toUpperCase()) ?? Number.POSITIVE_INFINITY;
  let end = 0;
  for (let taken = 0; taken < length; end++) {
    if (end === match.length) return 0;
    if (match[end] !== ' ') taken++;
  }
  if (/[a-z\d]/i.test(match[end] ?? '')) return 0;
  const compact = match.slice(0, end).replaceAll(' ', '').toUpperCase();
  let remainder = 0;
  for (const character of compact.slice(4) + compact.slice(0, 4)) {
    for (const digit of String(Number.parseInt(character, 36))) remainder = (remainder * 10 + Number(digit)) % 97;
  }
  return remainder === 1 ? end : 0;
}

/** Eight groups, or at least three around one "::". A time of day has no "::" and too few groups. */
function isIpv6(match: string): boolean {
  const halves = match.split('::');
  if (halves.length > 2 || !/\d/.test(match)) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (groups.some((group) => !/^[\da-f]{1,4}$/i.test(group))) return false;
  return halves.length === 2 ? groups.length >= 3 && groups.length < 8 : groups.length === 8;
}
