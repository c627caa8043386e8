/** measure: one policy on test readers, as evaluate looks at it, but alone: for arms that differ in one thing. */
import type { PerReaderRow } from '../lib/data/rows.ts';
import { DataError } from '../lib/errors.ts';
import type { StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import { ascending, bestOfRows, measuredRow } from './best-of.ts';
import type { Deps } from './deps.ts';
import { madeBy } from './made-by.ts';
import { createMeasurer, type Measurer } from './measurer.ts';
import { createResources } from './resources.ts';
import { writeRows } from './tables.ts';

export interface MeasureActivities {
  measure(input: StageInput): Promise<StageOutput>;
}

/** The random stream of evaluate: a policy that is the same writes the same lists, and two that differ are compared on equal luck. */
const STREAM = 'evaluate';

export function createMeasureActivities(deps: Deps): MeasureActivities {
  const { artifacts } = deps;
  const resources = createResources(artifacts);

  const bestOf = async (input: StageInput, measurer: Measurer): Promise<PerReaderRow[]> => {
    const counts = ascending(input.settings.measure.bestOf);
    const model = await resources.model(input.inputs.teacher);
    return bestOfRows(measurer, model, {
      counts,
      stream: STREAM,
      progress: (fraction, what) => deps.progress(0.9 * fraction, `${what} of the teacher to choose from`),
    });
  };

  const single = async (input: StageInput, measurer: Measurer): Promise<PerReaderRow[]> => {
    const { method } = input.settings.measure;
    const model = await resources.model(input.inputs[method]);
    const lists = await measurer.write(model, {
      samples: 1,
      stream: STREAM,
      progress: (fraction) => deps.progress(0.9 * fraction, `lists of the ${method}`),
    });
    const metrics = measurer.judge(await measurer.recall(lists.map(([list]) => list.queries)));
    const rewards = await measurer.rewards(lists, (fraction) =>
      deps.progress(0.9 + 0.1 * fraction, `rewards of the ${method}`),
    );
    return measurer.readers.map(({ readerId }, i) => measuredRow(readerId, method, metrics[i], rewards[i][0].total));
  };

  return {
    async measure(input) {
      const { method, readers } = input.settings.measure;
      const measurer = await createMeasurer(input, { split: 'test', limit: readers }, resources, deps);
      if (measurer.readers.length === 0)
        throw new DataError('no test reader clicked a fresh article: nothing can be measured. Check the test period');
      const rows = await (method === 'best_of' ? bestOf(input, measurer) : single(input, measurer));
      const recall = [...Map.groupBy(rows, (row) => row.method)].map(([name, ofMethod]) => {
        const sum = ofMethod.reduce((total, row) => total + row['recall@10'], 0);
        return [name, sum / ofMethod.length] as const;
      });
      return {
        outputs: { measured: await writeRows(artifacts, 'measured', rows, madeBy(input)) },
        facts: { readers: measurer.readers.length, recall10: Object.fromEntries(recall) },
        headline: `recall@10 of ${measurer.readers.length} test readers: ${recall.map(([name, value]) => `${method === 'best_of' ? `best of ${name}` : name} ${value.toFixed(3)}`).join(', ')}`,
      };
    },
  };
}
