import { describe, expect, it } from 'vitest';
import { parseList } from '../../lib/method/prompt.ts';
import {
  eventPhrase,
  keyPhraseOfArticle,
  keyPhraseOfSignal,
  type LabelledInterest,
  phraseClusters,
  weakLabel,
} from '../../lib/method/weak-labels.ts';
import { genericQueries, words } from '../../lib/method/words.ts';
import { Random } from '../../lib/random.ts';

const angle = (degrees: number): Float32Array =>
  Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));

describe('key phrases', () => {
  it('of an article are the words that title and abstract share, in the title’s order, without stop words', () => {
    expect(
      keyPhraseOfArticle('Why the Denver Hawks Injury List Grows', 'The injury list of the Hawks: Denver waits.'),
    ).toBe('denver hawks injury list');
    expect(keyPhraseOfArticle('A b1 b2 b3 b4 b5 b6', 'b6 b5 b4 b3 b2 b1')).toBe('b1 b2 b3 b4 b5');
  });

  it('of an article without a useful abstract are its title’s content words', () => {
    expect(keyPhraseOfArticle('Breaking news: Harbor storm closes the port', '')).toBe('harbor storm closes port');
    expect(keyPhraseOfArticle('', '')).toBe('');
  });

  it('of a signal are its own words, a page’s without the site’s name, a click’s from its article', () => {
    expect(keyPhraseOfSignal({ kind: 'search', text: 'Who did the Hawks sign this year?' })).toBe(
      'who did the hawks sign',
    );
    expect(keyPhraseOfSignal({ kind: 'page', text: 'Keto snacks guide - RecipeSite' })).toBe('keto snacks');
    expect(keyPhraseOfSignal({ kind: 'page', text: 'Knee arthritis | The Health Forum' })).toBe('knee arthritis');
    expect(keyPhraseOfSignal({ kind: 'page', text: 'Our DNA official site - documentary films' })).toBe(
      'dna documentary films',
    );
    expect(keyPhraseOfSignal({ kind: 'page', text: 'Knee arthritis' })).toBe('knee arthritis');
    expect(keyPhraseOfSignal({ kind: 'search', text: 'keto [email] diet' })).toBe('keto diet');
    const article = { title: 'Harbor storm closes port', abstract: 'The storm reached the harbor.' };
    expect(keyPhraseOfSignal({ kind: 'click', text: 'ignored' }, article)).toBe('harbor storm');
    expect(keyPhraseOfSignal({ kind: 'click', text: 'Harbor storm closes port' })).toBe('harbor storm closes port');
  });

  it('words keep inner apostrophes and any script', () => {
    expect(words("O’Neill's café — 3,141 日本")).toEqual(["o'neill's", 'café', '3', '141', '日本']);
  });
});

describe('clusters of phrases', () => {
  it('come in the order of the signals', () => {
    expect(phraseClusters(['a', 'b', 'a2', ''], [angle(0), angle(90), angle(20), angle(45)])).toEqual([
      ['a', 'a2'],
      ['b'],
    ]);
  });

  it('keep a phrase that the encoder does not know as its own', () => {
    const zero = new Float32Array(2);
    expect(phraseClusters(['x', 'y'], [zero, zero])).toEqual([['x'], ['y']]);
  });
});

describe('event phrases', () => {
  it('are shared words, and the rarest of the title’s others up to four, in its order', () => {
    const article = { title: 'Opinion: a visitor cap for Iceland', abstract: 'Iceland is full.' };
    const idf = new Map([
      ['opinion', 1],
      ['visitor', 4],
      ['cap', 5],
      ['iceland', 3],
    ]);
    expect(eventPhrase(article, idf)).toBe('opinion visitor cap iceland');
    expect(eventPhrase({ ...article, title: 'Opinion: Iceland wants a firm visitor cap' }, idf)).toBe(
      'opinion iceland visitor cap',
    );
    expect(eventPhrase({ title: 'a1 a2 a3 a4 a5 a6', abstract: 'a6 a5 a4 a3 a2 a1' }, idf)).toBe('a1 a2 a3 a4 a5');
  });
});

describe('weak labels', () => {
  const interests: LabelledInterest[] = Array.from({ length: 6 }, (_, i) => ({
    phrases: [`p${i} a`, `p${i} b`, `p${i} c`],
    clicks: i % 2 ? ['a', 'b'].map((aspect) => ({ event: `c${i} ${aspect}`, own: `p${i} ${aspect}` })) : [],
  }));
  const labels = Array.from({ length: 4000 }, (_, i) => weakLabel(interests, 0.9, new Random('label', i)));

  it('are the same for the same random stream', () => {
    expect(weakLabel(interests, 0.9, new Random('label', 7))).toBe(labels[7]);
  });

  it('hold the format, also for a reader with one interest, and for one of whom nothing is known', () => {
    for (const known of [interests, interests.slice(0, 1), interests.slice(1, 2), []])
      for (let i = 0; i < 200; i++)
        expect(parseList(weakLabel(known, 0.9, new Random('format', i)), true)).toMatchObject({ valid: true });
    expect(weakLabel(interests.slice(0, 1), 0.9, new Random('one')).split('\n').toSorted()).toEqual([
      'p0 a',
      'p0 b',
      'p0 c',
    ]);
    expect(genericQueries).toContain(weakLabel([], 0.9, new Random('cold', 3)).split('\n')[0]);
  });

  it('follow the order of the signals, each interest once', () => {
    for (const label of labels) {
      const order = [...label.matchAll(/[pc](\d)/g)].map((match) => Number(match[1]));
      expect(order).toEqual([...new Set(order)].toSorted((a, b) => a - b));
    }
  });

  it('name interests that the next clicks confirm, in a click’s words as often as asked, and seldom others', () => {
    const share = (test: RegExp): number => labels.filter((label) => test.test(label)).length / labels.length;
    expect(share(/^c1/m)).toBeGreaterThan(0.8);
    expect(share(/^p1/m)).toBeGreaterThan(0.05);
    expect(share(/^p1/m)).toBeLessThan(0.12);
    expect(share(/^p0/m)).toBeLessThan(0.35);
    expect(labels.some((label) => label.includes('c1 a')) && labels.some((label) => label.includes('c1 b'))).toBe(true);
    const own = Array.from({ length: 500 }, (_, i) => weakLabel(interests, 0, new Random('own', i)));
    expect(own.every((label) => /^p1 [ab]$/m.test(label) || !/^p1/m.test(label)) && !own.join().includes('c1')).toBe(
      true,
    );
  });

  it('prefer interests of many signals where next clicks confirm too few', () => {
    const plain = Array.from({ length: 6 }, (_, i) => ({
      phrases: Array.from({ length: i === 4 ? 8 : 1 }, (__, j) => `p${i} ${j}`),
      clicks: [],
    }));
    const named = Array.from({ length: 1000 }, (_, i) => weakLabel(plain, 0.9, new Random('weight', i)));
    expect(named.filter((label) => label.includes('p4')).length).toBeGreaterThan(850);
  });
});
