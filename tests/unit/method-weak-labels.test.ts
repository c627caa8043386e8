import { describe, expect, it } from 'vitest';
import { parseList } from '../../lib/method/prompt.ts';
import {
  keyPhraseOfArticle,
  keyPhraseOfSignal,
  type PhraseCluster,
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
  it('come in the order of the signals, with next clicks near the signal that opens them', () => {
    const clusters = phraseClusters(
      ['a', 'b', 'a2', ''],
      [angle(0), angle(90), angle(20), angle(45)],
      ['near b', 'far'],
      [angle(100), angle(200)],
    );
    expect(clusters).toEqual([
      { phrases: ['a', 'a2'], clicks: [] },
      { phrases: ['b'], clicks: ['near b'] },
    ]);
  });

  it('keep a phrase that the encoder does not know as its own', () => {
    const zero = new Float32Array(2);
    expect(phraseClusters(['x', 'y'], [zero, zero], ['c'], [zero])).toEqual([
      { phrases: ['x'], clicks: [] },
      { phrases: ['y'], clicks: [] },
    ]);
  });
});

describe('weak labels', () => {
  const clusters: PhraseCluster[] = Array.from({ length: 6 }, (_, i) => ({
    phrases: [`p${i}`, `p${i}b`],
    clicks: i % 2 ? [`c${i}`] : [],
  }));
  const labels = Array.from({ length: 4000 }, (_, i) => weakLabel(clusters, new Random('label', i)));

  it('are the same for the same random stream', () => {
    expect(weakLabel(clusters, new Random('label', 7))).toBe(labels[7]);
  });

  it('hold the format but for the faults that are put in on purpose', () => {
    const broken = labels.filter((label) => !parseList(label, true).valid && parseList(label, true).queries.length > 1);
    // Empty lines: half of 5 %; run-on lists show as a single line or as one too long.
    expect(broken.length / labels.length).toBeGreaterThan(0.01);
    expect(broken.length / labels.length).toBeLessThan(0.05);
  });

  it('follow the order of the signals', () => {
    for (const label of labels) {
      const order = [...label.matchAll(/[pc](\d)/g)].map((match) => Number(match[1]));
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
  });

  it('have next-click phrases in half the cases, generic and repeated lines as often as said', () => {
    const lines = labels.flatMap((label) => label.split('\n'));
    const share = (test: (line: string) => boolean): number => lines.filter(test).length / lines.length;
    const clicks = share((line) => /^c\d$/.test(line)) / share((line) => /^(c\d|p[135]b?)$/.test(line));
    expect(clicks).toBeCloseTo(0.5, 1);
    const generic = share((line) => genericQueries.includes(line));
    expect(generic).toBeGreaterThan(0.06);
    expect(generic).toBeLessThan(0.12);
  });

  it('exist for a reader of whom nothing is known', () => {
    expect(genericQueries).toContain(weakLabel([], new Random('cold', 3)));
  });
});
