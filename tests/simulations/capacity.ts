/** Capacity laws over five sizes, three seeds in each of two worlds, and readers who differ: the same ones at every size. */
import { fitCapacityLaw, type CapacityLaw, type SizeRow } from '../../lib/method/scaling.ts';
import type { Draw, Scenario } from './simulation.ts';

const SIZES = [0.25, 0.5, 1, 2, 4];
const EXPONENT = 0.2;
const READERS = 60;

export const capacity: Scenario[] = [
  {
    what: 'capacity law, 95 % interval: holds the exponent',
    promised: 0.95,
    is: 'at least',
    replicate: (draw) => {
      const { low, high } = law(draw, 1).exponent;
      return low <= EXPONENT && EXPONENT <= high;
    },
  },
  {
    what: 'capacity law that holds: the largest size is as predicted',
    promised: 0.95,
    is: 'at least',
    replicate: (draw) => law(draw, 1).largest.isAsPredicted === true,
  },
  {
    what: 'capacity law whose largest size falls short by a third: not as predicted',
    promised: 0.9,
    is: 'at least',
    replicate: (draw) => law(draw, 2 / 3).largest.isAsPredicted === false,
  },
];

/** `largest`: what the largest size has of what the law gives it. */
function law(draw: Draw, largest: number): CapacityLaw {
  const rows: SizeRow[] = [];
  for (let world = 0; world < 2; world++) {
    const ofReaders = Array.from({ length: READERS }, () => -Math.log(1 - draw.uniform()));
    for (const size of SIZES) {
      const mean = 0.1 * size ** EXPONENT * (size === SIZES[SIZES.length - 1] ? largest : 1);
      for (let seed = 0; seed < 3; seed++) {
        const ofSeed = 1 + draw.normal(0.03);
        for (let i = 0; i < READERS; i++) {
          const value = mean * ofSeed * ofReaders[i] * (1 + draw.normal(0.5));
          rows.push({ size, world, seed, reader: String(i), value });
        }
      }
    }
  }
  return fitCapacityLaw(rows);
}
