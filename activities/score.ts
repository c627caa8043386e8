/** Rewards of stored rollouts, beside the learner: a shard is scored while the next one is sampled. */
import type { Reader, ScoreRow } from '../lib/data/rows.ts';
import { checkCanaries } from '../lib/method/canaries.ts';
import { scoreLists } from '../lib/training/scoring.ts';
import type { ScoreActivities } from '../workflows/activities.ts';
import type { Deps } from './deps.ts';
import { madeBy } from './made-by.ts';
import { createResources } from './resources.ts';
import { readRows, writeRows } from './tables.ts';

const CANARY_READERS = 16;

/** Scores stored rollouts: encoder, index and judge, no tensors of the policy. */
export function createScoreActivities(deps: Deps): ScoreActivities {
  const { artifacts } = deps;
  const resources = createResources(artifacts);
  return {
    async score({ input, rollouts, round, shard }) {
      const { teacher } = input.settings;
      const dataset = await resources.dataset(input.inputs.cleaned);
      const embedder = await resources.embedder(input.inputs.encoder);
      const judge = await resources.judge(teacher.judge, input.inputs.cleaned, input.inputs.encoder);
      const rows = await readRows(artifacts, 'rollouts', [rollouts]);
      const byId = new Map(dataset.readers('train').map((reader) => [reader.readerId, reader]));
      const groups = Array.from({ length: rows.length / teacher.group }, (_, i) =>
        rows.slice(i * teacher.group, (i + 1) * teacher.group),
      );
      const readers = groups.map(([first]) => byId.get(first.reader_id)).filter((reader) => reader !== undefined);
      if (shard === 0) {
        await checkCanaries({
          judge,
          embedder,
          // A round of few readers is filled up: a check on two or three would fail by chance.
          readers: canaryReaders([...new Set([...readers, ...dataset.readers('train')])]),
          articles: dataset.articles,
          old: [...dataset.history, ...dataset.pool('train')],
          margin: teacher.judge.canaryMargin,
        });
      }
      deps.progress(0.2, `round ${round + 1}: rewards of ${rows.length} lists`);
      const scores = await scoreLists(
        readers,
        groups.map((lists) => lists.map((list) => ({ ...list, readerId: list.reader_id }))),
        {
          embedder,
          index: await resources.index(input.inputs.index, 'train'),
          judge,
          weights: teacher.weights,
        },
      );
      const scoreRows = scores.flat().map(({ readerId, ...score }): ScoreRow => ({ reader_id: readerId, ...score }));
      return { scores: await writeRows(artifacts, 'scores', scoreRows, madeBy(input, { rollouts })) };
    },
  };
}

/** A reader without signals has no honest list. */
export function canaryReaders(readers: readonly Reader[]): Reader[] {
  return readers.filter(({ signals }) => signals.length > 0).slice(0, CANARY_READERS);
}
