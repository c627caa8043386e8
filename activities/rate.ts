/** rate: how many readers a second teacher and student write lists for, one after the other in turns, as they would serve. */
import type { StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import { servingThreads } from '../lib/serving/served.ts';
import { createDecoder } from '../lib/tensor/decoder.ts';
import { countParameters } from '../lib/tensor/parameters.ts';
import { writeLists } from '../lib/training/lists.ts';
import type { ServingRate } from '../lib/training/results.ts';
import type { Deps } from './deps.ts';
import { madeBy } from './made-by.ts';
import { createResources } from './resources.ts';

export interface RateActivities {
  rate(input: StageInput): Promise<StageOutput>;
}

const models = ['teacher', 'student'] as const;

export function createRateActivities(deps: Deps): RateActivities {
  const { artifacts } = deps;
  const resources = createResources(artifacts);

  return {
    async rate(input) {
      const { turns, readers: limit } = input.settings.rate;
      const readers = (await resources.dataset(input.inputs.cleaned)).readers('test').slice(0, limit);
      const opened = await Promise.all(
        models.map(async (name) => {
          const model = await resources.model(input.inputs[name]);
          const threads = servingThreads(model, deps.threads);
          return { name, model, threads, decoder: createDecoder(model, { threads }), perSecond: [] as number[] };
        }),
      );
      try {
        // The first turn compiles and warms: it is not counted.
        for (let turn = 0; turn <= turns; turn++) {
          for (const { name, model, decoder, perSecond } of opened) {
            deps.progress(turn / (turns + 1), `turn ${turn} of ${turns}: ${name}`);
            const start = performance.now();
            await writeLists(readers, {
              decoder,
              tokenizer: model.tokenizer,
              settings: input.settings.teacher.rollout,
              samples: 1,
              stream: (readerId, sample) => [input.seed, 'rate', turn, readerId, sample],
            });
            if (turn > 0) perSecond.push(readers.length / ((performance.now() - start) / 1000));
          }
        }
      } finally {
        for (const { decoder } of opened) await decoder.release();
      }
      const rate: ServingRate = {
        readers: readers.length,
        models: opened.map(({ name, model, threads, perSecond }) => ({
          name,
          parameters: countParameters(model.parameters),
          threads,
          perSecond,
        })),
      };
      const [teacher, student] = rate.models.map(({ perSecond }) => median(perSecond));
      const files = { 'rate.json': Buffer.from(JSON.stringify(rate, null, 1)) };
      return {
        outputs: { rate: await artifacts.put('rate', files, madeBy(input)) },
        facts: { teacher_per_second: teacher, student_per_second: student },
        headline: `readers a second: teacher ${teacher.toFixed(1)}, student ${student.toFixed(1)}`,
      };
    },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}
