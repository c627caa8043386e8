import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { f1 } from '../../lib/method/judge.ts';
import { createLocalJudge } from '../../lib/method/local-judge.ts';
import { alignment, diversity, rewardNames, structure, totalReward } from '../../lib/method/rewards.ts';
import {
  clusterSignals,
  corpusStatistics,
  coverage,
  judgeList,
  profileReader,
  specificity,
} from '../../lib/method/rubric.ts';

const axis = (i: number, dimensions = 4): Float32Array =>
  Float32Array.from({ length: dimensions }, (_, j) => (i === j ? 1 : 0));
const at = (cosine: number): Float32Array => Float32Array.of(cosine, Math.sqrt(1 - cosine * cosine), 0, 0);
const weights = { align: 1, cov: 1, spec: 1, div: 1, struct: 1 };

describe('the rewards', () => {
  it('align is the mean over queries of the mean cosine to the nearest articles', () => {
    expect(alignment([Float64Array.of(0.8, 0.6), Float64Array.of(0.2, 0.4)])).toBeCloseTo(0.5, 12);
    expect(alignment([])).toBe(0);
    expect(alignment([[-0.5], [1]])).toBe(0.5);
  });

  it('div is the mean distance of pairs: 1 for orthogonal queries, 0 for equal ones and for one alone', () => {
    expect(diversity([axis(0), axis(1), axis(2)])).toBe(1);
    expect(diversity([axis(0), axis(0)])).toBe(0);
    expect(diversity([axis(0)])).toBe(0);
    expect(diversity([axis(0), axis(0), axis(1)])).toBeCloseTo(2 / 3, 12);
    // A query without a known word is no other subject.
    expect(diversity([axis(0), new Float32Array(axis(0).length)])).toBe(0);
  });

  it('struct is whether the format held', () => {
    expect([structure({ valid: true }), structure({ valid: false })]).toEqual([1, 0]);
  });

  it('the total is the weighted sum, and missing where a part that counts is', () => {
    const parts = { align: 0.5, cov: 0.25, spec: 0.125, div: 1, struct: 0 };
    expect(totalReward(parts, weights)).toBe(1.875);
    expect(totalReward(parts, { ...weights, div: 2 })).toBe(2.875);
    expect(totalReward({ ...parts, cov: null }, weights)).toBeNull();
    expect(totalReward({ ...parts, cov: null }, { ...weights, cov: 0 })).toBe(1.625);
  });
});

describe('the local rubric', () => {
  const articles = Array.from({ length: 50 }, (_, i) => ({
    title: `storm${i} harbor news`,
    abstract: `storm${i} the common words`,
  }));
  const corpus = corpusStatistics(articles);

  it('counts a word by how rare it is, and stop, generic and unknown words not at all', () => {
    expect(corpus.idf.get('storm7')).toBeCloseTo(Math.log(51 / 2), 12);
    expect(corpus.idf.get('harbor')).toBe(0);
    for (const word of ['the', 'news', 'qwzzk']) expect(corpus.idf.get(word) ?? 0).toBe(0);
  });

  it('clusters signals greedily, weighs a cluster by its size to the .75, and leaves out what the encoder does not know', () => {
    const clusters = clusterSignals([axis(0), axis(1), at(0.9), new Float32Array(4)], 0.35);
    expect(clusters.length).toBe(2);
    expect(clusters[0].weight).toBeCloseTo(2 ** 0.75, 12);
    expect(Math.hypot(...clusters[0].centroid)).toBeCloseTo(1, 6);
  });

  it('coverage is an F1 of interests served and queries that serve', () => {
    const interests = [
      { centroid: axis(0), weight: 3 },
      { centroid: axis(1), weight: 1 },
    ];
    expect(
      coverage(interests, [
        [1, 0],
        [0, 1],
      ]),
    ).toBe(1);
    expect(coverage(interests, [[1, 0]])).toBeCloseTo(f1(0.75, 1), 12);
    expect(
      coverage(interests, [
        [1, 0],
        [0, 0],
      ]),
    ).toBeCloseTo(f1(0.75, 0.5), 12);
    expect(coverage([], [[]])).toBe(0);
    expect(coverage(interests, [])).toBe(0);
  });

  const reader = {
    readerId: 'r',
    signals: ['storm1 storm2 storm3 storm4 storm5 storm6', 'storm9'].map((text, i) => ({
      kind: 'click' as const,
      text,
      at: i,
      articleId: null,
    })),
  };
  const profile = profileReader(reader, [axis(0), axis(1)]);

  it('specificity falls with repeated words, with length, and where a long signal is copied', () => {
    const one = specificity('storm8', profile, corpus);
    expect(one).toBeCloseTo(Math.log(51 / 2) / 12, 12);
    expect(specificity('storm8 storm8', profile, corpus)).toBeCloseTo(one / 2, 12);
    expect(specificity('storm1 storm2 storm3 storm4 storm7', profile, corpus)).toBe(1);
    expect(specificity('storm1 storm2 storm3 storm4 storm5', profile, corpus)).toBe(0.5);
    expect(specificity('storm9', profile, corpus)).toBe(one);
    expect(specificity('storm11 storm12 storm13 storm14 storm15 storm16 storm17', profile, corpus)).toBe(0.5);
    expect(specificity('breaking news today', profile, corpus)).toBe(0);
    expect(specificity('storm8 who', profile, corpus)).toBeCloseTo(one / 2, 12);
  });

  it('a specific query about nobody’s interest earns nothing', () => {
    expect(judgeList(profile, ['storm11 storm12 storm13 storm14'], [axis(2)], corpus)).toEqual({
      coverage: 0,
      specificity: 0,
    });
  });

  it('the ramp runs from cosine .35 to .55', () => {
    const alone = profileReader({ signals: [] }, [axis(0)]);
    const coverageAt = (cosine: number): number => judgeList(alone, ['q'], [at(cosine)], corpus).coverage;
    expect([0.35, 0.45, 0.55, 1].map(coverageAt).map((x) => Math.round(x * 1e6) / 1e6)).toEqual([0, 0.5, 1, 1]);
  });

  it('a repeated query serves nobody twice', () => {
    const once = judgeList(profile, ['storm9'], [axis(1)], corpus);
    const twice = judgeList(profile, ['storm9', 'storm9'], [axis(1), axis(1)], corpus);
    expect(twice.coverage).toBeLessThan(once.coverage);
    expect(twice.specificity).toBeCloseTo(once.specificity / 2, 12);
  });

  it('judgements are in [0, 1] for any list', () => {
    const vector = fc
      .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 })
      .map((values) => {
        const length = Math.hypot(...values);
        return Float32Array.from(values, (value) => (length === 0 ? 0 : value / length));
      });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string(), vector), { maxLength: 8 }),
        fc.array(vector, { maxLength: 8 }),
        (list, seen) => {
          const known = profileReader({ signals: [] }, seen);
          const judgement = judgeList(
            known,
            list.map(([query]) => query),
            list.map(([, v]) => v),
            corpus,
          );
          for (const value of Object.values(judgement)) {
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual(1 + 1e-9);
          }
        },
      ),
    );
  });

  it('the judge embeds a reader’s signals once, and answers in order', async () => {
    let embeddedTexts = 0;
    const embedder = {
      dimensions: 4,
      embed: async (texts: readonly string[]) => {
        embeddedTexts += texts.length;
        return Float32Array.from(texts.flatMap((text) => [...axis(text === 'storm9' ? 1 : 0)]));
      },
    };
    const judge = createLocalJudge({ corpus, embedder });
    const item = (query: string, direction: number) => ({ reader, queries: [query], embeddings: [axis(direction)] });
    const [on, off] = await judge.judge([item('storm9', 1), item('storm9', 3)]);
    expect(on?.specificity).toBeGreaterThan(0);
    expect(off).toEqual({ coverage: 0, specificity: 0 });
    await judge.judge([item('storm9', 0)]);
    expect(embeddedTexts).toBe(2);
  });
});

it('the five rewards are named as in the paper', () => {
  expect(rewardNames).toEqual(['align', 'cov', 'spec', 'div', 'struct']);
});
