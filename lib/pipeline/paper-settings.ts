/** The settings of a paper run: how often, on what, and for how long. */
import { z } from 'zod';

const wholeNumbers = z
  .array(z.number().int().min(0))
  .min(1)
  .refine((values) => new Set(values).size === values.length, 'must not hold a number twice');

export const paperSettings = z.strictObject({
  worlds: wholeNumbers.default([2032, 2033]).describe('world: seeds of the generated worlds, none of a base model'),
  seeds: wholeNumbers.default([1, 2, 3]).describe('of everything that is trained and sampled, in each world'),
  arms: z.array(z.string()).default([]).describe('these arms of the pipeline only; none named: all'),
  hours: z
    .number()
    .positive()
    .default(6)
    .describe('of work on this machine; kept by leaving out seeds, readers, optional arms'),
  leastReaders: z.number().int().positive().default(1000).describe('test readers of a world are not cut below this'),
  significance: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.05)
    .describe('of all claims together (Holm); intervals are of 95 % whatever this is'),
});

export type PaperSettings = z.infer<typeof paperSettings>;
