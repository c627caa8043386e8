/** The end of a paper run: what all arms measured in one artifact, and every table, figure and verdict in another. */
import { createHash } from 'node:crypto';
import type { PerReaderRow } from '../lib/data/rows.ts';
import { schemas } from '../lib/data/tables.ts';
import { canonical } from '../lib/pipeline/cache-key.ts';
import type { PaperPlan } from '../lib/pipeline/paper.ts';
import type { ArmRow, Beside, PaperFigures, RunRecord } from '../lib/report/paper/figures.ts';
import { judgeRun } from '../lib/report/paper/judge.ts';
import { encodeTable, rowsOf } from '../lib/store/arrow.ts';
import type { MadeBy, Ref } from '../lib/store/ref.ts';
import type { Experiment, ServingRate } from '../lib/training/results.ts';
import type { CollectedArm, PaperActivities } from '../workflows/activities.ts';
import type { Deps } from './deps.ts';

/** The world of a source that is not generated. */
const NO_WORLD = 0;

export function createPaperActivities({ artifacts, progress }: Deps): PaperActivities {
  const json = async <T>(ref: Ref, file: string): Promise<T> =>
    JSON.parse(Buffer.from(await artifacts.read(ref, file)).toString('utf8')) as T;

  const rowsOfArm = async ({ arm, world, seed, steps }: CollectedArm): Promise<ArmRow[]> => {
    const lane = { arm, world: world ?? NO_WORLD, seed };
    const tables = steps.flatMap(({ outputs: { evaluation, measured } }) => [
      ...(evaluation ? [{ ref: evaluation, file: 'per-reader.arrow' }] : []),
      ...(measured ? [{ ref: measured, file: 'measured.arrow' }] : []),
    ]);
    const read = await Promise.all(
      tables.map(async ({ ref, file }) => rowsOf<PerReaderRow>(schemas.measured, await artifacts.read(ref, file))),
    );
    // The method of a row of best-of-N is N.
    return read
      .flat()
      .map((row) => ({ ...lane, ...row, method: /^\d+$/.test(row.method) ? `best_of_${row.method}` : row.method }));
  };

  /** The code that made what the arms' steps gave, by stage. */
  const codeOf = async (arms: readonly CollectedArm[]): Promise<RunRecord['code']> => {
    const refs = arms.flatMap(({ steps }) => steps.flatMap(({ outputs }) => Object.values(outputs)));
    const code: Record<string, Set<string>> = {};
    for (const ref of new Map(refs.map((one) => [one.digest, one])).values()) {
      const { madeBy } = await artifacts.manifest(ref);
      (code[madeBy.stage] ??= new Set()).add(madeBy.code);
    }
    return Object.fromEntries(Object.entries(code).map(([stage, digests]) => [stage, [...digests].sort()]));
  };

  return {
    async collectArms({ run, plan, arms, notRun, seconds }) {
      const rows: ArmRow[] = [];
      const beside: Beside = { experiments: [], data: [], cleaning: [], parameters: {} };
      const rates: RunRecord['rates'] = [];
      for (const [i, arm] of arms.entries()) {
        progress(i / arms.length, `reading arm ${arm.arm}`);
        const lane = { world: arm.world ?? NO_WORLD, seed: arm.seed };
        for (const row of await rowsOfArm(arm)) rows.push(row);
        for (const { uses, outputs, facts } of arm.steps) {
          if (outputs['rate']) rates.push({ ...lane, rate: await json<ServingRate>(outputs['rate'], 'rate.json') });
          if (outputs['experiment']) {
            const { readers, coldReaders, srmP, metrics } = await json<Experiment>(
              outputs['experiment'],
              'experiment.json',
            );
            beside.experiments.push({ ...lane, readers, coldReaders, srmP, metrics });
          }
          if (uses === 'extract' && arm.arm === 'main') beside.data.push({ ...lane, facts });
          if (uses === 'clean' && arm.arm === 'main') beside.cleaning.push({ ...lane, facts });
          if (uses === 'warmstart') beside.parameters[arm.arm] = Number(facts['teacher_parameters']);
        }
      }
      const record: RunRecord = {
        run,
        profile: plan.profile,
        plan: digest(plan),
        code: await codeOf(arms),
        seconds,
        hours: plan.settings.hours,
        shrunk: plan.shrunk,
        impossible: plan.impossible,
        notAsked: plan.notAsked,
        set: plan.set,
        notRun,
        rates,
      };
      const files = {
        'arms.arrow': encodeTable(schemas.arms, rows),
        'beside.json': Buffer.from(JSON.stringify(beside, null, 1)),
        'record.json': Buffer.from(JSON.stringify(record, null, 1)),
      };
      return { arms: await artifacts.put('arms', files, madeBy('collect', run, plan, inputsOf(arms))) };
    },

    async judgePaper({ run, plan, arms }) {
      const rows = rowsOf<ArmRow>(schemas.arms, await artifacts.read(arms, 'arms.arrow'));
      const results = judgeRun(rows, await json<Beside>(arms, 'beside.json'), plan);
      const figures: PaperFigures = {
        digest: digest(JSON.parse(JSON.stringify(results))),
        results,
        record: await json<RunRecord>(arms, 'record.json'),
      };
      const files = { 'figures.json': Buffer.from(JSON.stringify(figures, null, 1)) };
      const of = (verdict: string): number => results.claims.filter((claim) => claim.verdict === verdict).length;
      return {
        paper: await artifacts.put('paper', files, madeBy('judge', run, plan, { arms })),
        headline: `of ${results.claims.length} claims ${of('holds')} hold, ${of('does not hold')} do not, ${of('cannot be told at this n')} cannot be told, ${of('not measured')} were not measured`,
      };
    },
  };
}

function inputsOf(arms: readonly CollectedArm[]): MadeBy['inputs'] {
  return Object.fromEntries(
    arms.flatMap(({ arm, world, seed, steps }) =>
      steps.flatMap(({ name, outputs }) =>
        Object.entries(outputs).map(([output, ref]) => [
          `${[arm, world ?? NO_WORLD, seed, name].join(' ')} ${output}`,
          ref,
        ]),
      ),
    ),
  );
}

function madeBy(step: string, run: string, plan: PaperPlan, inputs: MadeBy['inputs']): MadeBy {
  return { stage: 'paper', step, run, settings: plan.settings, code: '', inputs, seed: plan.seed };
}

function digest(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex');
}
