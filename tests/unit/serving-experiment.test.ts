import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replayAudience, worldAudience } from '../../lib/serving/audience.ts';
import { dailyFigures, experimentState } from '../../lib/serving/experiment-log.ts';
import { type Exposure, experimentArm, interleave } from '../../lib/serving/simulation.ts';
import { dataset, settings, world } from './serving-world.ts';

describe('the page', () => {
  const ids = fc.array(fc.integer({ min: 0, max: 30 }).map(String));

  it('takes one article from each path in turn', () => {
    expect(interleave([['a', 'b', 'c'], ['x', 'y'], []], new Set(), 4)).toEqual(['a', 'x', 'b', 'y']);
  });

  it('never shows an article twice, nor one that was clicked, nor one that nobody recalled, and is filled as far as there are any', () => {
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 4 }), ids, fc.integer({ min: 0, max: 12 }), (lists, clicked, size) => {
        const seen = new Set(clicked);
        const page = interleave(lists, seen, size);
        const candidates = new Set(lists.flat().filter((id) => !seen.has(id)));
        expect(new Set(page).size).toBe(page.length);
        expect(page.every((id) => candidates.has(id))).toBe(true);
        expect(page.length).toBe(Math.min(size, candidates.size));
      }),
    );
  });
});

describe('simulated readers', () => {
  it('click with probabilities that rise with the world’s propensity', () => {
    const { readers, clickProbabilities } = worldAudience(settings, 60);
    const ids = dataset.pool('test').map(({ article_id }) => article_id);
    for (const { readerId } of readers.slice(0, 5)) {
      const propensity = world.affinity(readerId, ids);
      const probabilities = clickProbabilities(readerId, ids);
      expect(probabilities.every((p) => p >= 0 && p <= 1)).toBe(true);
      const order = [...ids.keys()].sort((a, b) => propensity[a] - propensity[b]);
      for (let i = 1; i < order.length; i++)
        expect(probabilities[order[i]]).toBeGreaterThanOrEqual(probabilities[order[i - 1]]);
    }
  });

  it('are test readers, as many as asked for: those that were measured, and others that nobody has seen', () => {
    const { readers } = worldAudience(settings, 63);
    expect(readers.slice(0, 60)).toEqual(dataset.readers('test'));
    expect(readers).toHaveLength(63);
    expect(readers.every(({ split }) => split === 'test')).toBe(true);
    expect(worldAudience(settings, 20).readers).toEqual(dataset.readers('test').slice(0, 20));
  });

  it('of a replayed log click what they clicked in it', () => {
    const { readers, clickProbabilities, kind } = replayAudience(dataset, 5);
    expect(kind).toBe('replay');
    const [one, other] = readers;
    const foreign = other.clicked.find((id) => !one.clicked.includes(id)) ?? '';
    expect(clickProbabilities(one.readerId, [one.clicked[0], foreign])).toEqual([0.5, 0.002]);
  });
});

describe('figures of an experiment', () => {
  const guardrails = { errorRate: 0.02, p95Ms: 50 };
  const exposure = (reader_id: string, day: number, arm: Exposure['arm'], change: Partial<Exposure>): Exposure => ({
    reader_id,
    day,
    arm,
    cold: false,
    active: true,
    shown: 10,
    clicks: 0,
    latency_ms: 20,
    failed: false,
    shift: 0,
    clicked: [],
    ...change,
  });

  it('are per reader: days of one reader are one observation', () => {
    const exposures = [
      exposure('a', 1, 'treatment', { shown: 100, clicks: 30 }),
      exposure('a', 2, 'treatment', { active: false, shown: 0, latency_ms: 0 }),
      exposure('b', 1, 'treatment', { shown: 100, clicks: 10, latency_ms: 90 }),
      exposure('b', 2, 'treatment', { failed: true, shown: 0, latency_ms: 0 }),
      exposure('c', 1, 'control', { shown: 100, clicks: 10 }),
      exposure('d', 1, 'control', { shown: 100, clicks: 20 }),
    ];
    const state = experimentState(exposures, false, guardrails);
    expect(state.readers).toEqual({ control: 2, treatment: 2 });
    expect(state.metrics.dau.treatment).toBeCloseTo(0.75, 12);
    expect(state.metrics.dau.control).toBe(1);
    expect(state.metrics.ctr.treatment).toBeCloseTo(40 / 200, 12);
    expect(state.metrics.ctr.control).toBeCloseTo(30 / 200, 12);
    expect(state.errorRate).toBeCloseTo(1 / 3, 12);
    expect(state.p95Ms).toBe(90);
    // One of three or more, where each has the allowed probability: 1 - (1 - p)³.
    expect(state.errorRateP).toBeCloseTo(1 - 0.98 ** 3, 12);
    expect(state.p95P).toBeCloseTo(1 - 0.95 ** 3, 12);
  });

  it('say nothing of the click rate while an arm has hardly any clicks: no click is not a fall by 100 %', () => {
    const many = Array.from({ length: 20 }, (_, i) => exposure(`c${i}`, 1, 'control', { clicks: 2 }));
    const none = Array.from({ length: 20 }, (_, i) => exposure(`t${i}`, 1, 'treatment', {}));
    expect(experimentState([...many, ...none], true, guardrails).metrics).not.toHaveProperty('ctr');
    const enough = exposure('t', 1, 'treatment', { clicks: 10 });
    expect(experimentState([...many, ...none, enough], true, guardrails).metrics).toHaveProperty('ctr');
  });

  it('say nothing of cold readers while an arm has hardly any: three and three who came alike prove nothing', () => {
    const cold = (arm: Exposure['arm'], n: number) =>
      Array.from({ length: n }, (_, i) => exposure(`${arm}${i}`, 1, arm, { cold: true, active: i % 3 !== 0 }));
    const of = (n: number) =>
      experimentState([...cold('control', 30), ...cold('treatment', n)], true, guardrails).metrics;
    expect(of(29)).not.toHaveProperty('cold_dau');
    expect(of(30)).toHaveProperty('cold_dau');
  });

  it('leave out a metric in which nobody differs: an interval without a width would be certain', () => {
    const days = ['a', 'b', 'c'].map((id) => exposure(id, 1, id === 'a' ? 'control' : 'treatment', {}));
    const away = exposure('a', 2, 'control', { active: false, shown: 0 });
    expect(experimentState([...days, away], true, guardrails).metrics).toEqual({});
  });

  it('leave out a metric that has none, so that they survive JSON', () => {
    const state = experimentState(
      [exposure('a', 1, 'treatment', {}), exposure('b', 1, 'control', {})],
      true,
      guardrails,
    );
    expect(state.metrics).not.toHaveProperty('cold_dau');
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    expect(JSON.parse(JSON.stringify(experimentState([], true, guardrails)))).toEqual(
      experimentState([], true, guardrails),
    );
  });

  it('by day count its errors and both arms', () => {
    const days = dailyFigures(
      [
        exposure('a', 1, 'treatment', { clicks: 2 }),
        exposure('b', 1, 'control', { active: false, shown: 0 }),
        exposure('a', 2, 'treatment', { failed: true, shown: 0 }),
      ],
      [0.05, 0.5],
    );
    expect(days.map(({ day, share, treatment, control, errors }) => [day, share, treatment, control, errors])).toEqual([
      [1, 0.05, 1, 1, 0],
      [2, 0.5, 1, 0, 1],
    ]);
    expect(days[0].ctrTreatment).toBeCloseTo(0.2, 12);
  });
});

describe('arms', () => {
  it('never change from control to treatment, nor back, while the share grows to one half', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (reader, salt) => {
        const arms = [0.05, 0.25, 0.5].map((share) => experimentArm(reader, salt, share)).filter((arm) => arm !== null);
        expect(new Set(arms).size).toBe(1);
      }),
    );
  });
});
