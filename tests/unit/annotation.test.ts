import { describe, expect, it } from 'vitest';
import { annotatedList, casualList } from '../../lib/data/world/annotation.ts';
import { generalQueries } from '../../lib/data/world/lexicon/noise.ts';
import { topics } from '../../lib/data/world/lexicon/topics.ts';
import { keyPhrase, type Subject } from '../../lib/data/world/wording.ts';
import { openWorld } from '../../lib/data/world/world.ts';
import { Random } from '../../lib/random.ts';

const of = (topic: number, entity: number, aspect: number): Subject => ({ topic, entity, aspect });

describe('the list that someone who knows the news would write', () => {
  it('names an entity once, with the aspect most of its signals are about', () => {
    const list = annotatedList([of(0, 1, 2), of(0, 1, 3), of(4, 5, 6), of(0, 1, 2), of(7, 0, 0)], 3);
    expect(list).toEqual([of(0, 1, 2), of(4, 5, 6), of(7, 0, 0)].map(keyPhrase));
  });

  it('is in the order of the lexicon, whichever signal came first', () => {
    const list = annotatedList([of(7, 0, 0), of(4, 5, 6), of(4, 2, 1)], 3);
    expect(list).toEqual([of(4, 2, 1), of(4, 5, 6), of(7, 0, 0)].map(keyPhrase));
  });

  it('takes the newest of aspects that are equally common', () => {
    expect(annotatedList([of(0, 1, 2), of(0, 1, 3)], 1)).toEqual([keyPhrase(of(0, 1, 3))]);
  });

  it('keeps the four entities with most signals, of equals the newest', () => {
    const once = [0, 1, 2, 3, 4, 5].map((entity) => of(0, entity, 0));
    expect(annotatedList([...once, of(0, 1, 0)], 3)).toEqual([1, 3, 4, 5].map((entity) => keyPhrase(of(0, entity, 0))));
  });

  it('fills a list up with further aspects: first those of the signals, then the topic’s others', () => {
    const list = annotatedList([of(2, 3, 4), of(2, 3, 4), of(2, 3, 1)], 3);
    expect(list).toEqual([of(2, 3, 4), of(2, 3, 1), of(2, 3, 0)].map(keyPhrase));
  });

  it('says nothing about nothing', () => {
    expect(annotatedList([], 3)).toEqual([]);
  });

  it('can be written for the signals of a world: what they are about names what they say', () => {
    const world = openWorld({
      seed: 7,
      historyArticles: 400,
      poolArticles: 100,
      trainReaders: 50,
      devReaders: 0,
      testReaders: 0,
    });
    for (const signal of world.tables.signals) {
      const about = world.about(signal);
      expect(about === null).toBe(signal.label === 'drop');
      if (about === null || signal.kind !== 'click') continue;
      const { name, alias } = topics[about.topic].entities[about.entity];
      const bare = [name, alias].map((one) => one.replace(/^(the|a|an) /, ''));
      expect(bare.some((one) => signal.text.includes(one))).toBe(true);
    }
  });
});

describe('lists of people who are not told what for', () => {
  const about = [of(0, 1, 2), of(4, 5, 6), of(7, 0, 0), of(9, 3, 1)];
  const careful = annotatedList(about, 3);
  const lists = Array.from({ length: 2000 }, (_, i) => casualList(about, 3, new Random('casual', i)));
  const share = (is: (list: string[]) => boolean): number => lists.filter(is).length / lists.length;

  it('are careful in three of twenty, short in as many, and never empty', () => {
    expect(Math.abs(share((list) => list.join() === careful.join()) - 0.15)).toBeLessThan(0.03);
    const isShort = (list: string[]): boolean => list.length < 3 && list.every((line) => careful.includes(line));
    expect(Math.abs(share(isShort) - 0.15)).toBeLessThan(0.03);
    expect(share((list) => list.length === 0)).toBe(0);
  });

  it('have whole lines in a third of all, and parts of whole lines, or general ones', () => {
    const whole = lists.flat().filter((line) => careful.includes(line)).length / lists.flat().length;
    expect(whole).toBeGreaterThan(0.25);
    expect(whole).toBeLessThan(0.4);
    const general = new Set<string>(generalQueries);
    for (const line of lists.flat())
      expect(general.has(line) || careful.some((one) => one.startsWith(line) || one.endsWith(line)), line).toBe(true);
  });

  it('are empty for a reader without signals', () => {
    for (let i = 0; i < 20; i++) expect(casualList([], 3, new Random('casual', i))).toEqual([]);
  });
});
