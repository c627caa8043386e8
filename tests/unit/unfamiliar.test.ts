import { describe, expect, it } from 'vitest';
import { annotatedList } from '../../lib/data/world/annotation.ts';
import { topics } from '../../lib/data/world/lexicon/topics.ts';
import { spokenForms, type Subject, writePage, writeSearch } from '../../lib/data/world/wording.ts';
import { Random } from '../../lib/random.ts';
import { createMadeUp } from '../../lib/training/made-up.ts';
import { type AnnotatedSignal, withUnfamiliarNames } from '../../lib/training/unfamiliar.ts';

const madeUp = createMadeUp(['Harbor storm closes the northern bridges', 'Marlins trade pitcher for a prospect']);
const random = new Random('unfamiliar', 1);
const entities = topics.flatMap(({ entities: all }, topic) =>
  all.map((_, entity): Subject => ({ topic, entity, aspect: 1 })),
);

/** A search and a page about each entity of the lexicon. */
const signals = entities.flatMap((about): AnnotatedSignal[] =>
  (['search', 'page'] as const).map((kind) => {
    const text = kind === 'search' ? writeSearch(about, random) : writePage(about, random);
    return { signal: { kind, text, at: 0, articleId: null }, about };
  }),
);

describe('names that nobody knows', () => {
  it('stand in the signals and in what these are about, wherever the known ones stood', () => {
    const met = withUnfamiliarNames(signals, 1, madeUp, random);
    // A few are mistyped.
    expect(met.length).toBeGreaterThan(0.9 * signals.length);
    for (const { signal, about } of met) {
      expect(about?.name).toBe(about?.name?.toLowerCase());
      expect(signal.text.toLowerCase()).toContain(about?.name);
      expect(about?.entity).toBe(topics[about?.topic as number].entities.length);
    }
    const unchanged = met.filter(({ about }) =>
      entities.some((known) => spokenForms(known).some((form) => form.toLowerCase() === about?.name)),
    );
    expect(unchanged).toEqual([]);
  });

  it('are written into the list as the signals have them, and one is not another', () => {
    const about: Subject = { topic: 0, entity: 12, aspect: 0, name: 'qrpkw united' };
    const other = { ...about, name: 'spouninger fc' };
    const known = { topic: 0, entity: 0, aspect: 0 };
    const [matter] = [topics[0].aspects[0].key.toLowerCase()];
    expect(annotatedList([about, other, known, about], 3)).toEqual([
      `${spokenForms(known)[0].toLowerCase()} ${matter}`,
      `qrpkw united ${matter}`,
      `spouninger fc ${matter}`,
    ]);
  });

  it('come to as many as are asked for, the same for the same random numbers, and never to noise', () => {
    const noise: AnnotatedSignal = { signal: { ...signals[0].signal, text: 'login' }, about: null };
    const some = (share: number) => withUnfamiliarNames([...signals, noise], share, madeUp, new Random('some'));
    expect(some(0)).toEqual([...signals, noise]);
    expect(some(0.25)).toEqual(some(0.25));
    expect(some(1)).toContainEqual(noise);
    const exchanged = some(0.25).filter(({ about }) => about?.name !== undefined).length / signals.length;
    expect(exchanged).toBeGreaterThan(0.15);
    expect(exchanged).toBeLessThan(0.35);
  });
});
