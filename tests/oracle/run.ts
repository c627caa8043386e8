/**
 * `npm run oracle -- DIR`: agreement with the reference values in DIR (default: tests/oracle/data), one line a comparison. Exits with
 * 1 when any error exceeds its tolerance, 2 when DIR cannot be read.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Comparison, passes } from './comparison.ts';
import { sections } from './sections.ts';

const folder = resolve(process.env.INIT_CWD ?? '.', process.argv[2] ?? join(import.meta.dirname, 'data'));
if (!existsSync(join(folder, 'models'))) {
  console.error(`${folder} holds no reference values: it has no models/. Write some with the oracle's make.py`);
  process.exit(2);
}
let failed = 0;
let compared = 0;
for (const [section, compare] of Object.entries(sections)) {
  console.log(`\n${section}`);
  try {
    for (const comparison of await compare(folder)) {
      report(comparison);
      failed += Number(!passes(comparison));
      compared++;
    }
  } catch (error) {
    console.log(`  cannot be compared: ${error instanceof Error ? error.message : String(error)}  FAIL`);
    failed++;
  }
}
console.log(`\n${compared} comparisons, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function report(comparison: Comparison): void {
  const { what, error, tolerance } = comparison;
  const figures = `${error.toExponential(1).padStart(8)}  of ${tolerance.toExponential(0)}`;
  console.log(`  ${what.padEnd(78)} ${figures}  ${passes(comparison) ? 'ok' : 'FAIL'}`);
}
