import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reader, RolloutRow, ScoreRow } from '../../lib/data/rows.ts';
import type { Judge } from '../../lib/method/judge.ts';
import { type TeacherSettings, teacherSettings } from '../../lib/pipeline/stage-settings.ts';
import type { Embedder } from '../../lib/retrieval/embedder.ts';
import { buildIndex } from '../../lib/retrieval/ann.ts';
import { linearRate, roundBatch } from '../../lib/training/batch.ts';
import type { WrittenList } from '../../lib/training/lists.ts';
import { readersOfRound, shardOf } from '../../lib/training/order.ts';
import { meanScores, scoreLists } from '../../lib/training/scoring.ts';
import { cosineRate } from '../../lib/training/supervised.ts';

describe('the readers of a round', () => {
  it('are each reader once an epoch, in another order in the next, the same for the same seed', () => {
    const readers = Array.from({ length: 10 }, (_, i) => i);
    const epoch = (of: number, seed = 1): number[] =>
      [0, 1].flatMap((half) => readersOfRound(readers, 2 * of + half, 5, seed));
    expect(epoch(0).toSorted((a, b) => a - b)).toEqual(readers);
    expect(epoch(1).toSorted((a, b) => a - b)).toEqual(readers);
    expect(epoch(1)).not.toEqual(epoch(0));
    expect(epoch(0, 2)).not.toEqual(epoch(0));
    expect(epoch(0)).toEqual(epoch(0));
    // Over the end of an epoch, and of fewer readers than are asked for: nobody twice, and as many as there can be.
    for (let round = 0; round < 20; round++) expect(new Set(readersOfRound(readers, round, 7, 1)).size).toBe(7);
    expect(readersOfRound(readers, 3, 32, 1).toSorted((a, b) => a - b)).toEqual(readers);
    expect(readersOfRound([], 0, 4, 1)).toEqual([]);
    expect([...readersOfRound(readers, 0, 7, 1), ...readersOfRound(readers, 1, 7, 1)].slice(0, 10)).toEqual(epoch(0));
  });

  it('are divided into shards without gap or overlap, as equal as can be', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.integer({ min: 1, max: 9 }), (count, shards) => {
        const items = Array.from({ length: count }, (_, i) => i);
        const parts = Array.from({ length: shards }, (_, shard) => shardOf(items, shard, shards));
        expect(parts.flat()).toEqual(items);
        const sizes = parts.map((part) => part.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('learning rates', () => {
  it('rise to their peak, then fall to a tenth: on a line for policies, on a cosine for imitation', () => {
    for (const [rate, last] of [
      [linearRate, 0.1 + 0.9 / 1000],
      [cosineRate, 0.1],
    ] as const) {
      const at = (step: number): number => rate(2, step, 1000, 10) / 2;
      expect(at(0)).toBeCloseTo(0.1, 6);
      expect(at(9)).toBeCloseTo(1, 1);
      expect(at(500)).toBeCloseTo(0.55, 6);
      expect(at(999)).toBeCloseTo(last, 3);
    }
    expect(linearRate(1, 0, 4, 0)).toBe(1);
  });
});

describe('the batch of a round', () => {
  const settings = (change: object): TeacherSettings => teacherSettings.parse({ group: 2, ...change });
  const rollout = (reader_id: string, sample: number, finished = true): RolloutRow => ({
    reader_id,
    sample,
    tokens: Int32Array.of(7, 8 + sample),
    logprobs: Float32Array.of(-1, -2),
    finished,
    valid: finished,
    text: 'a',
    queries: ['a'],
  });
  const score = (reader_id: string, sample: number, cov: number | null): ScoreRow => ({
    reader_id,
    sample,
    align: 0.5,
    cov,
    spec: 0,
    div: 0,
    struct: 1,
    total: cov === null ? null : 1.5 + cov,
  });
  const rollouts = [rollout('a', 0), rollout('a', 1), rollout('b', 0), rollout('b', 1, false)];
  const scores = [score('a', 0, 1), score('a', 1, 0), score('b', 0, 0.25), score('b', 1, null)];
  const promptOf = (reader: string): Int32Array => Int32Array.of(reader.charCodeAt(0));

  it('has a group for each reader, and each list the reward less the group’s mean (Dr. GRPO)', () => {
    const { groups, metrics } = roundBatch(rollouts, scores, settings({}), promptOf);
    expect(groups.map(({ prompt }) => [...prompt])).toEqual([[97], [98]]);
    const [a] = groups;
    expect(a.completions.map(({ advantage }) => advantage)).toEqual([0.5, -0.5]);
    expect(a.completions.map(({ tokens }) => [...tokens])).toEqual([
      [7, 8],
      [7, 9],
    ]);
    expect(metrics.reward).toBeCloseTo((2.5 + 1.5 + 1.75) / 3, 12);
    // What differed within a group was coverage alone.
    expect(metrics.share_cov).toBeCloseTo(1, 12);
  });

  it('masks a list without a judgement, which is missing and not zero', () => {
    const { groups, metrics } = roundBatch(rollouts, scores, settings({}), promptOf);
    expect(groups[1].completions.map(({ masked }) => masked)).toEqual([false, true]);
    // One judged list of a group has nothing to be better than.
    expect(groups[1].completions[0].advantage).toBe(0);
    expect(metrics.unjudged).toBe(0.25);
    expect(metrics.reward_cov).toBeCloseTo(1.25 / 3, 12);
  });

  it('masks a list that was cut at the limit, or keeps it as the setting says', () => {
    const judged = [...scores.slice(0, 3), score('b', 1, 0)];
    const maskedWith = (truncated: string): unknown[] =>
      roundBatch(rollouts, judged, settings({ truncated }), promptOf).groups[1].completions.map(({ masked }) => masked);
    expect(maskedWith('mask')).toEqual([false, true]);
    expect(maskedWith('penalise')).toEqual([false, false]);
  });
});

describe('the scores of lists', () => {
  const axis = (i: number): Float32Array => Float32Array.of(i === 0 ? 1 : 0, i === 1 ? 1 : 0);
  const vectors: Record<string, Float32Array> = { storm: axis(0), keto: axis(1) };
  const embedder = {
    dimensions: 2,
    embed: async (texts: readonly string[]) => Float32Array.from(texts.flatMap((text) => [...vectors[text]])),
  } as Embedder;
  const index = buildIndex(['n1', 'n2'], Float32Array.of(1, 0, 0.6, 0.8), 2);
  const reader: Reader = { readerId: 'r', split: 'train', cutoff: 0, cold: false, signals: [], clicked: [] };
  const list = (queries: string[], valid = true): WrittenList => ({
    readerId: 'r',
    sample: 0,
    tokens: new Int32Array(),
    logprobs: new Float32Array(),
    finished: true,
    text: '',
    queries,
    valid,
  });
  const weights = { align: 1, cov: 1, spec: 1, div: 1, struct: 1 };
  const judge: Judge = {
    judge: async (items) =>
      items.map(({ queries }) => (queries.includes('keto') ? { coverage: 0.5, specificity: 0.25 } : null)),
  };

  it('are the five rewards and their sum; without a judgement there is no sum', async () => {
    const [[both, one]] = await scoreLists([reader], [[list(['storm', 'keto']), list(['storm'], false)]], {
      embedder,
      index,
      judge,
      weights,
    });
    // storm: cosines 1 and .6; keto: 0 and .8.
    expect(both.align).toBeCloseTo((0.8 + 0.4) / 2, 6);
    expect(both).toMatchObject({ cov: 0.5, spec: 0.25, div: 1, struct: 1 });
    expect(both.total).toBeCloseTo(0.6 + 0.5 + 0.25 + 1 + 1, 6);
    expect(one).toMatchObject({ cov: null, spec: null, div: 0, struct: 0, total: null });
    expect(meanScores([both, one])).toMatchObject({ cov: 0.5, struct: 0.5, missing: 1 });
  });
});
