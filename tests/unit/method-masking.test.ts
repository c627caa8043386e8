import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskPersonalData, type PersonalKind } from '../../lib/method/masking.ts';

const mask = (text: string): string => maskPersonalData(text).text;

describe('masking', () => {
  it.each([
    ['mail jane.doe+news@mail.example.co.uk now', 'mail [email] now'],
    ['JOSÉ@exämple.de', '[email]'],
    ['call +49 30 1234567 today', 'call [phone] today'],
    ['+1 (555) 234-5678', '[phone]'],
    ['(415) 555-2671 reviews', '[phone] reviews'],
    ['415-555-2671', '[phone]'],
    ['1-800-555-0199 scam', '[phone] scam'],
    ['020 7946 0958', '[phone]'],
    ['appelle 06 12 34 56 78', 'appelle [phone]'],
    ['card 4111 1111 1111 1111 declined', 'card [card] declined'],
    ['4111111111111111', '[card]'],
    ['378282246310005', '[card]'],
    ['DE89 3704 0044 0532 0130 00 and more', '[iban] and more'],
    ['GB82WEST12345698765432', '[iban]'],
    ['ssn 123-45-6789?', 'ssn [ssn]?'],
    ['login 192.168.1.20 router', 'login [ip] router'],
    ['2001:db8:85a3::8a2e:370:7334', '[ip]'],
    // Beside other numbers.
    ['4111 1111 1111 1111 12/26', '[card] 12/26'],
    ['4111111111111111 123', '[card] 123'],
    ['4111-1111-1111-1111 12 26', '[card] 12 26'],
    ['card 2024 4111 1111 1111 1111', 'card 2024 [card]'],
    ['5500 0000 0000 0004 09/27', '[card] 09/27'],
    ['4111\u00A01111\u00A01111\u00A01111', '[card]'],
    ['4111\u20111111\u20111111\u20111111', '[card]'],
    ['+49 151 23456789 80331 München', '[phone] 80331 München'],
    ['+44 20 7946 0958 12345', '[phone] 12345'],
    ['call 0044 20 7946 0958 2024', 'call [phone] 2024'],
    ['+91 98765 43210 560001', '[phone] 560001'],
    ['ab12 DE89370400440532013000', 'ab12 [iban]'],
    // As people write them.
    ['(555)-234-5678', '[phone]'],
    ['1(212)555-0187', '[phone]'],
    ['(020) 7946 0958', '[phone]'],
    ['(030) 1234567', '[phone]'],
    ['ring 07700900123 now', 'ring [phone] now'],
    ['0612345678', '[phone]'],
    ['+49 30/1234567', '[phone]'],
    ['+49 (0)30/1234567', '[phone]'],
    ['visa,4111111111111111', 'visa,[card]'],
    ['4111 1111 1111 1111,123', '[card],123'],
    ['No.4111111111111111', 'No.[card]'],
    ['my social security number is 123 45 6789', 'my social security number is [ssn]'],
  ])('%s', (text, masked) => {
    expect(mask(text)).toBe(masked);
  });

  it.each([
    'election 2020 results 2019-2020',
    'rams 31-28 hawks final score',
    'home for $1,299,000 or 1.299.000 euros',
    'under $20 000 000 deal',
    'world cup 2026 06 12 schedule',
    'on 2020-11-14 at 12:30:45',
    'order 4111 1111 1111 1112',
    'python 3.11.4 release',
    'route 66, 7-eleven, 24/7, 9-1-1',
    '1 000 000 people',
    'covid-19 19.4% up, s&p 500 at 3,141.59',
    'iphone 12 vs 13 @ best buy',
    'unix time 1604361600000',
    '100m in 9.58 s',
    'de99 1234 is no account',
    '49ers @ seahawks 8:20 pm',
    'jan 1 2020 - dec 31 2021',
  ])('leaves "%s" as it is', (text) => {
    expect(maskPersonalData(text)).toEqual({ text, found: { email: 0, iban: 0, card: 0, ssn: 0, ip: 0, phone: 0 } });
  });

  // Groups of digits that can be split in many ways, and always fail at the end: 4,000 took minutes once.
  it('takes a text in time that grows with its length', () => {
    const text = `+${'1'.repeat(24)},5 `.repeat(70);
    for (let i = 0; i < 4_000; i++) maskPersonalData(text);
  });

  const digit = fc.integer({ min: 0, max: 9 });
  const digits = (n: number): fc.Arbitrary<string> =>
    fc.array(digit, { minLength: n, maxLength: n }).map((all) => all.join(''));
  const luhn = (body: string): string => {
    const sum = [...body].toReversed().reduce((total, character, i) => {
      const value = i % 2 === 0 ? Number(character) * 2 : Number(character);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
    return `${body}${(10 - (sum % 10)) % 10}`;
  };
  const personal: Record<PersonalKind, fc.Arbitrary<string>> = {
    email: fc.stringMatching(/^[a-z][a-z0-9._]{0,10}[a-z0-9]@[a-z]{2,10}\.(com|org|net)$/),
    card: fc
      .tuple(fc.constantFrom('4', '51', '6011'), digits(14), fc.constantFrom('', ' ', '-'))
      .map(([prefix, rest, separator]) =>
        luhn(`${prefix}${rest}`.slice(0, 15)).replace(/(\d{4})(?=\d)/g, `$1${separator}`),
      ),
    iban: fc.tuple(fc.constantFrom('DE', 'RS', 'BH'), digits(18)).map(([country, account]) => {
      const checked = `${account}${[...country].map((letter) => Number.parseInt(letter, 36)).join('')}00`;
      return `${country}${String(98n - (BigInt(checked) % 97n)).padStart(2, '0')}${account}`;
    }),
    ssn: fc
      .tuple(fc.integer({ min: 100, max: 665 }), fc.integer({ min: 10, max: 99 }), fc.integer({ min: 1000, max: 9999 }))
      .map((parts) => parts.join('-')),
    ip: fc.ipV4(),
    phone: fc
      .tuple(
        fc.integer({ min: 200, max: 999 }),
        fc.integer({ min: 200, max: 999 }),
        digits(4),
        fc.constantFrom('-', '.', ' '),
      )
      .map(([area, exchange, line, separator]) => [area, exchange, line].join(separator)),
  };

  it.each(Object.entries(personal))('finds every %s between words', (kind, arbitrary) => {
    fc.assert(
      fc.property(
        arbitrary,
        fc.stringMatching(/^[a-z]{0,8}$/),
        fc.stringMatching(/^[a-z]{0,8}$/),
        (datum, before, after) => {
          expect(mask(`${before} ${datum} ${after}`)).toBe(`${before} [${kind}] ${after}`);
        },
      ),
    );
  });

  it('changes nothing in a masked text', () => {
    fc.assert(
      fc.property(fc.oneof(...Object.values(personal), fc.string()), (text) => {
        expect(mask(mask(text))).toBe(mask(text));
      }),
    );
  });

  it('takes linear time on hostile text', () => {
    for (const piece of ['a@', '1 ', '+1', 'a.', 'DE00 ', '::1', '0-', '(2'])
      expect(mask(piece.repeat(5_000)).length).toBeGreaterThan(0);
  });
});
