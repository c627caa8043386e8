import { describe, expect, it } from 'vitest';
import type { RankingMetrics } from '../../lib/method/metrics.ts';
import { evaluateSettings } from '../../lib/pipeline/stage-settings.ts';
import { Random } from '../../lib/random.ts';
import { measure } from '../../lib/training/evaluation.ts';

const READERS = 400;
const metrics = (value: number): RankingMetrics => ({
  'recall@5': value,
  'recall@10': value,
  'ndcg@5': value,
  'ndcg@10': value,
  mrr: value,
});
/** A method's figures: the reader's own luck, the method's level, and some noise. */
const figures = (name: string, level: number): RankingMetrics[] =>
  Array.from({ length: READERS }, (_, i) =>
    metrics(level + new Random('reader', i).normal(0, 0.05) + new Random(name, i).normal(0, 0.02)),
  );
const cold = Array.from({ length: READERS }, (_, i) => i % 4 === 0);
const levels = { warmstart: 0.2, teacher: 0.3, undistilled: 0.2, supervised: 0.26, student: 0.28 };

const measured = (change: Partial<typeof levels> = {}, gate: object = {}, missing = 0) =>
  measure(
    Object.fromEntries(Object.entries({ ...levels, ...change }).map(([name, level]) => [name, figures(name, level)])),
    cold,
    {
      warmstart: figures('reward of warmstart', 2).map((reader) => reader.mrr),
      teacher: figures('reward of teacher', 3).map((reader, i) => (i < missing ? null : reader.mrr)),
    },
    evaluateSettings.parse({ bootstraps: 200, gate }),
    1,
  );
const isPassed = (gate: ReturnType<typeof measured>['gate']): boolean[] => gate.checks.map(({ passed }) => passed);

describe('an evaluation', () => {
  it('compares methods reader by reader: the difference is surer than either figure', () => {
    const { ranking, differences, distillation, cold: ofCold } = measured();
    const gain = differences.find(({ what, metric }) => what === 'teacher − warm start' && metric === 'recall@10');
    const width = ({ low, high }: { low: number; high: number }): number => high - low;
    expect(gain?.difference.mean).toBeCloseTo(0.1, 2);
    expect(width(gain?.difference ?? { low: 0, high: 9 })).toBeLessThan(width(ranking.teacher['recall@10']));
    expect(distillation.on_policy.shareOfTeacher.mean).toBeCloseTo(0.28 / 0.3, 1);
    expect(ofCold.readers).toBe(READERS / 4);
  });

  it('takes the reward’s gain over the readers that both policies have a judgement of', () => {
    const [reward] = measured({}, {}, 100).differences;
    expect(reward).toMatchObject({ what: 'teacher − warm start', metric: 'reward' });
    expect(reward.difference.mean).toBeCloseTo(1, 2);
  });
});

describe('the gate', () => {
  it('lets a student pass that keeps enough of its teacher', () => {
    expect(measured().gate.passed).toBe(true);
    const { gate } = measured({ student: 0.2 });
    expect(gate.passed).toBe(false);
    expect(gate.checks[0]).toMatchObject({ passed: false, what: 'student keeps enough of the teacher' });
    expect(gate.checks[0].detail).toMatch(/^share of Recall@10 0\.6\d\d \[0\.\d{3}, 0\.\d{3}\], needed 0\.\d/);
  });

  it('asks for recall by the lower end of its interval', () => {
    const [, recall] = isPassed(measured({}, { minimumRecall: 0.279 }).gate);
    expect(recall).toBe(false);
    expect(isPassed(measured({}, { minimumRecall: 0.26 }).gate)[1]).toBe(true);
  });

  it('asks for a gain over the student as it was, where that is set', () => {
    const settings = { aboveUndistilled: true, minimumStudentShare: 0 };
    expect(measured({}, settings).gate.passed).toBe(true);
    expect(measured({ undistilled: 0.28 }, settings).gate.passed).toBe(false);
  });
});
