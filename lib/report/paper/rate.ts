/** How fast teacher and student write: readers a second, and their ratio beside the ratio of their sizes. */
import { tTest, variance } from '../../method/statistics.ts';
import { mean } from '../../method/vectors.ts';
import type { RunRecord, Verdict } from './figures.ts';

export interface RateComparison {
  /** Readers a second, mean over all turns. */
  teacher: number;
  student: number;
  parameters: { teacher: number; student: number };
  /** Teacher's parameters over the student's. */
  sizes: number;
  /** Student's rate over the teacher's in the same turn, geometric mean. */
  ratio: { mean: number; low: number; high: number };
  turns: number;
  /** The ratio that the claim asks for. */
  least: number;
  /** Of `rateClaim` (the paper: 33 times as fast at 64 times fewer parameters); not measured where it asks for no gain at all. */
  verdict: Verdict;
}

export const rateClaim = 'The student’s rate is at least half as many times the teacher’s as it is smaller';

/** Null where no rate was measured. */
export function compareRates(rates: RunRecord['rates']): RateComparison | null {
  if (rates.length === 0) return null;
  const of = (name: 'teacher' | 'student') =>
    rates.flatMap(({ rate }) => rate.models.filter((model) => model.name === name));
  const [teachers, students] = [of('teacher'), of('student')];
  const perSecond = (models: typeof teachers): number[] => models.flatMap((model) => model.perSecond);
  const slow = perSecond(teachers);
  const turns = perSecond(students).map((fast, i) => Math.log(fast / slow[i]));
  // Turns of one lane share its models and its minute.
  const lanes = students.map(({ perSecond: fast }, lane) =>
    mean(fast.map((rate, i) => Math.log(rate / teachers[lane].perSecond[i]))),
  );
  const ratios = lanes.length > 1 ? lanes : turns;
  const parameters = { teacher: teachers[0].parameters, student: students[0].parameters };
  const sizes = parameters.teacher / parameters.student;
  const least = sizes / 2;
  const center = mean(ratios);
  const error = Math.sqrt(variance(ratios) / ratios.length);
  const { low, high } =
    ratios.length < 2 ? { low: -Infinity, high: Infinity } : tTest(center, error, ratios.length - 1);
  return {
    teacher: mean(slow),
    student: mean(perSecond(students)),
    parameters,
    sizes,
    ratio: { mean: Math.exp(center), low: Math.exp(low), high: Math.exp(high) },
    turns: turns.length,
    least,
    verdict: verdictOf({ low, high }, Math.log(least)),
  };
}

function verdictOf({ low, high }: { low: number; high: number }, least: number): Verdict {
  if (least <= 0) return 'not measured';
  if (low > least) return 'holds';
  return high < least ? 'does not hold' : 'cannot be told at this n';
}

export function rateSection(rates: RunRecord['rates']): string {
  const compared = compareRates(rates);
  if (compared === null) return '';
  const { teacher, student, parameters, sizes, ratio, turns, least, verdict } = compared;
  return `## Serving rate

Lists for the same readers, teacher and student in turns (${turns} turns): ${teacher.toFixed(1)} readers a second of the teacher (${parameters.teacher.toLocaleString('en')} parameters), ${student.toFixed(1)} of the student (${parameters.student.toLocaleString('en')}).
The student is ${ratio.mean.toFixed(2)} times as fast [${ratio.low.toFixed(2)}, ${ratio.high.toFixed(2)}] at ${sizes.toFixed(2)} times fewer parameters; the paper's (67 v 2 readers a second) is 33 times as fast at 64 times fewer.
In powers of the size ratio, which do not depend on how far apart two models are: ours ${power(ratio.mean, sizes)} [${power(ratio.low, sizes)}, ${power(ratio.high, sizes)}], the paper's ${power(67 / 2, 64)}.
${rateClaim}: **${verdict}** (${least > 1 ? `it asks for ${least.toFixed(2)} times; in powers, ${power(least, sizes)}, for the paper's models ${power(32, 64)}` : 'of models so near in size it asks for nothing'}). Measured on this machine, on this day: not part of the results' digest.`;
}

function power(ratio: number, sizes: number): string {
  return (Math.log(ratio) / Math.log(sizes)).toFixed(2);
}
