/**
 * `npm run bench [-- PART …] [--pairs 5] [--threads 2] [--out bench/results.json]`: ours beside its peers, in turns, in one run on one
 * machine. Prints a table and keeps the numbers; a part that was not asked for keeps those it had.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable } from '../cli/table.ts';
import { sayTo } from '../infra/say.ts';
import { ConfigError } from '../lib/errors.ts';
import { comparisonsOf, isPartName, type PartName, partNames } from './comparisons.ts';
import { type Measured, measure } from './measure.ts';
import { columns, rowsOf } from './table.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string', default: '5' },
    threads: { type: 'string', default: String(Math.min(8, availableParallelism())) },
    out: { type: 'string', default: join(import.meta.dirname, 'results.json') },
  },
});

/** bench/results.json: by part, what was measured, when and where. */
type Results = Partial<Record<PartName, { at: string; machine: object; pairs: number; comparisons: Measured[] }>>;

try {
  const parts = positionals.length === 0 ? partNames : positionals.map(partNamed);
  const pairs = wholeNumber('pairs', values.pairs);
  const threads = wholeNumber('threads', values.threads);
  const out = resolve(process.env.INIT_CWD ?? '.', values.out);
  const say = sayTo(process.stderr);
  const results: Results = existsSync(out) ? (JSON.parse(readFileSync(out, 'utf8')) as Results) : {};
  for (const part of parts) {
    const comparisons: Measured[] = [];
    for (const comparison of comparisonsOf(part, threads))
      comparisons.push(await measure(comparison, pairs, process.env, say));
    say.line(`\n${formatTable(columns, comparisons.flatMap(rowsOf))}\n`);
    results[part] = { at: new Date().toISOString(), machine: machine(threads), pairs, comparisons };
    writeFileSync(out, `${JSON.stringify(results, null, 2)}\n`);
  }
  const all = partNames.flatMap((part) => results[part]?.comparisons ?? []);
  console.log(formatTable(columns, all.flatMap(rowsOf)));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

function partNamed(name: string): PartName {
  if (isPartName(name)) return name;
  throw new ConfigError(`there is no benchmark "${name}": name one of ${partNames.join(', ')}, or none for all`);
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new ConfigError(`--${option} must be a whole number above 0, it is "${text}"`);
}

function machine(threads: number): object {
  const [{ model } = { model: 'unknown' }] = cpus();
  return {
    cpu: model.trim(),
    cores: cpus().length,
    threads,
    memoryBytes: totalmem(),
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
  };
}
