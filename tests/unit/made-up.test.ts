import { describe, expect, it } from 'vitest';
import { keyPhraseOfSignal } from '../../lib/method/weak-labels.ts';
import { stopWords, words } from '../../lib/method/words.ts';
import { Random } from '../../lib/random.ts';
import { createMadeUp } from '../../lib/training/made-up.ts';

const corpus = [
  'Harbor storm closes the northern bridges',
  'Marlins trade pitcher for a prospect',
  'bread recipes without yeast',
];

describe('signals in words that do not exist', () => {
  const madeUp = createMadeUp(corpus);
  const random = new Random('made up', 1);
  const signals = Array.from({ length: 400 }, () => madeUp.signal(random));

  it('have every kind, and something to copy', () => {
    expect(new Set(signals.map(({ kind }) => kind))).toEqual(new Set(['search', 'page', 'click']));
    const empty = signals.filter((signal) => keyPhraseOfSignal(signal) === '');
    expect(empty.length).toBeLessThan(8);
  });

  it('are spelt as the corpus is, and mostly no words of it', () => {
    const spelt = signals
      .flatMap(({ text }) => words(text))
      .filter((word) => !stopWords.has(word) && !/\d|'/.test(word));
    const known = new Set(corpus.flatMap(words));
    const pairs = new Set(
      [...known].flatMap((word) => [...`^${word}$`].map((letter, i, all) => letter + (all[i + 1] ?? ''))),
    );
    for (const word of spelt.slice(0, 200))
      for (let i = 0; i + 1 < word.length; i++) expect(pairs, word).toContain(word.slice(i, i + 2));
    expect(spelt.filter((word) => known.has(word)).length / spelt.length).toBeLessThan(0.5);
  });

  it('are the same for the same random numbers', () => {
    expect(madeUp.signal(new Random('x'))).toEqual(createMadeUp(corpus).signal(new Random('x')));
  });
});
