/** promote: the days of an A/B test, served over HTTP to simulated readers, and the swap of what is served. */
import { isDeepStrictEqual } from 'node:util';
import { schemas } from '../lib/data/tables.ts';
import { PointerConflict } from '../lib/errors.ts';
import type { Arm } from '../lib/method/verdict.ts';
import type { PromoteSettings, SourceSettings } from '../lib/pipeline/stage-settings.ts';
import type { StageInput, StageOutput } from '../lib/pipeline/stages.ts';
import { type Audience, replayAudience, worldAudience } from '../lib/serving/audience.ts';
import { askRecall } from '../lib/serving/client.ts';
import { dailyFigures, experimentState } from '../lib/serving/experiment-log.ts';
import { type ServedModel, undoneAfter } from '../lib/serving/served.ts';
import type { RecallPath } from '../lib/serving/service.ts';
import { type ArmRecall, type Exposure, habitsAfter, mostClicked, simulateDay } from '../lib/serving/simulation.ts';
import { encodeTable, rowsOf } from '../lib/store/arrow.ts';
import { readPointer, servingPointer, swapPointer } from '../lib/store/pointers.ts';
import type { Ref } from '../lib/store/ref.ts';
import type { Experiment } from '../lib/training/results.ts';
import type { CurrentServing, DayResult, PromoteActivities } from '../workflows/activities.ts';
import type { CpuDeps } from './deps.ts';
import { madeBy } from './made-by.ts';
import { type ArmServer, createRecallServers } from './recall-servers.ts';
import { createResources } from './resources.ts';

/** Readers who wait for an answer at the same time. */
const CONCURRENCY = 4;
/** Articles asked of each path: a page, and what the reader may have clicked before. */
const DEPTH = 50;

/** What every portal has; the paths of an arm without a student. */
const plainPaths = ['popular', 'last_click'] as const satisfies RecallPath[];

export function createPromoteActivities(deps: CpuDeps): PromoteActivities {
  const { artifacts } = deps;
  const resources = createResources(artifacts);
  const servers = createRecallServers();
  const keptAudience = createAudienceKeeper();

  const audienceOf = async ({ settings, inputs }: StageInput): Promise<Audience> => {
    const { readers } = settings.promote;
    // Signals as they come: the server cleans them.
    return settings.source.kind === 'world'
      ? keptAudience(settings.source, readers)
      : replayAudience(await resources.dataset(inputs.dataset), readers);
  };

  const readExposures = async (days: readonly Pick<DayResult, 'exposures'>[]): Promise<Exposure[]> => {
    const tables = await Promise.all(days.map(({ exposures }) => artifacts.read(exposures, 'exposures.arrow')));
    return tables.flatMap((bytes) => rowsOf<Exposure>(schemas.exposures, bytes));
  };

  return {
    readServing: () => readPointer<ServedModel>(artifacts.bucket, servingPointer),

    async simulateDay({ input, control, day, share, before }) {
      const { signal } = deps;
      const { promote } = input.settings;
      const { cleaned } = input.inputs as { cleaned: Ref<'dataset'> };
      deps.progress(0, `day ${day}: starting the recall servers`);
      const audience = await audienceOf(input);
      const treated = await servers.of(experimentOf(input), { served: servedBy(input), articles: cleaned });
      const served = control
        ? await servers.of(experimentOf(input), { served: control.value, articles: cleaned })
        : treated;
      const earlier = await readExposures(before);
      const signals = new Map(audience.readers.map((reader) => [reader.readerId, reader.signals]));
      let failure: string | undefined;
      const arm = ({ url }: ArmServer, paths: RecallPath[]): ArmRecall => ({
        paths,
        recall: (readerId) =>
          askRecall(url, { readerId, signals: signals.get(readerId) ?? [], paths, depth: DEPTH }, signal).catch(
            (error: Error) => {
              failure ??= error.message;
              throw error;
            },
          ),
      });

      const exposures = await simulateDay({
        day,
        share,
        // Another seed is another test: other arms, other days.
        salt: `${input.inputs.student.digest} ${input.seed}`,
        seed: input.seed,
        readers: audience.readers,
        habits: habitsAfter(earlier),
        popular: mostClicked(earlier),
        arms: {
          treatment: arm(treated, [...plainPaths, 'queries']),
          control: arm(served, control ? [...plainPaths, 'queries'] : [...plainPaths]),
        },
        clickProbabilities: audience.clickProbabilities,
        concurrency: CONCURRENCY,
        progress: (fraction) => {
          servers.keep(experimentOf(input));
          deps.progress(fraction, `day ${day}: ${Math.round(100 * fraction)} % of the readers`);
        },
      });
      signal.throwIfAborted();
      treated.check();
      served.check();
      const ref = await storeExposures(exposures, input);
      const state = {
        ...experimentState([...earlier, ...exposures], day >= promote.days, promote.guardrails),
        ...(failure === undefined ? {} : { failure }),
      };
      return { day, share, exposures: ref, state, headline: headlineOf(exposures, share, audience.kind) };
    },

    stopServing: async ({ input }) => servers.stop(experimentOf(input)),

    async swapServing({ input, expected }) {
      const value = { ...servedBy(input), undone: undoneAfter(expected?.value, input.inputs.student.digest) };
      try {
        return await swapPointer(artifacts.bucket, servingPointer, value, expected);
      } catch (error) {
        if (!(error instanceof PointerConflict)) throw error;
        // An attempt before this one may have won without being heard.
        const now: CurrentServing | null = await readPointer<ServedModel>(artifacts.bucket, servingPointer);
        if (now !== null && isDeepStrictEqual(now.value, value)) return now;
        throw error;
      }
    },

    async finishExperiment({ input, conclusion, days }): Promise<StageOutput> {
      const exposures = await readExposures(days);
      const state = experimentState(exposures, true, input.settings.promote.guardrails);
      const kind = input.settings.source.kind === 'world' ? 'world' : 'replay';
      const caveat = caveatOf(days.length, state.srmP, input.settings.promote);
      const experiment: Experiment = {
        ...conclusion,
        simulation: kind,
        caveat,
        readers: state.readers,
        coldReaders: state.coldReaders,
        srmP: state.srmP,
        ctrAlwaysValidP: state.ctrAlwaysValidP,
        metrics: Object.fromEntries(
          Object.entries(state.metrics).map(([name, { control, treatment, relative, p }]) => [
            name,
            { control, treatment, relative, p },
          ]),
        ),
        days: dailyFigures(
          exposures,
          days.map(({ share }) => share),
        ),
      };
      const made = madeBy(input, Object.fromEntries(days.map((one) => [`day ${one.day}`, one.exposures])));
      const files = {
        'exposures.arrow': encodeTable(schemas.exposures, exposures),
        'experiment.json': Buffer.from(JSON.stringify(experiment, null, 1)),
      };
      return {
        outputs: { experiment: await artifacts.put('experiment', files, made) },
        facts: {
          outcome: conclusion.outcome,
          decided_by: conclusion.decidedBy,
          simulation: kind,
          days: days.length,
          readers_control: state.readers.control,
          readers_treatment: state.readers.treatment,
          srm_p: state.srmP,
          ...Object.fromEntries(
            Object.entries(state.metrics).flatMap(([name, { relative, p }]) => [
              [`${name}_change`, relative.mean],
              ...(caveat === null ? [[`${name}_p`, p]] : []),
            ]),
          ),
          error_rate: state.errorRate,
          p95_ms: state.p95Ms,
        },
        headline: `${conclusion.outcome.replace('_', ' ')} after ${days.length} days${whose[kind]}: ${conclusion.reasons.join('; ')}`,
      };
    },
  };

  function storeExposures(exposures: readonly Exposure[], input: StageInput): Promise<Ref<'experiment'>> {
    return artifacts.put('experiment', { 'exposures.arrow': encodeTable(schemas.exposures, exposures) }, madeBy(input));
  }
}

const whose: Record<Audience['kind'], string> = {
  world: ' of simulated readers',
  replay: ' of a replayed log (readers click what they clicked in it)',
};

/** Intervals and p are those of one look, at the planned end. */
function caveatOf(days: number, srmP: number, { days: planned, srmThreshold }: PromoteSettings): string | null {
  if (srmP < srmThreshold) return 'the split is broken: no figure can be trusted';
  if (days < planned)
    return `it ended on day ${days} of ${planned}: intervals and p would be those of a test that was planned so`;
  return null;
}

function headlineOf(exposures: readonly Exposure[], share: number, kind: Audience['kind']): string {
  const of = (arm: Arm): string => {
    const visits = exposures.filter((exposure) => exposure.arm === arm && exposure.active);
    const total = (field: 'clicks' | 'shown'): number => visits.reduce((sum, visit) => sum + visit[field], 0);
    return `${visits.length.toLocaleString('en')} visits, CTR ${((100 * total('clicks')) / Math.max(1, total('shown'))).toFixed(2)} %`;
  };
  return `${Math.round(100 * share)} % treated: ${of('treatment')}; control: ${of('control')}${kind === 'replay' ? '; a replayed log' : ''}`;
}

function servedBy({ settings, inputs }: StageInput): ServedModel {
  const { student, cleaner, encoder, index, cleaned } = inputs as Record<string, Ref> & Omit<ServedModel, 'rollout'>;
  return { student, cleaner, encoder, index, cleaned, rollout: settings.teacher.rollout };
}

function experimentOf({ run, step }: StageInput): string {
  return `${run}/${step}`;
}

/** Generating a world takes seconds: the last one's readers are kept. */
function createAudienceKeeper(): (source: SourceSettings, readers: number) => Audience {
  let kept: { key: string; audience: Audience } | null = null;
  return (source, readers) => {
    const key = JSON.stringify([source, readers]);
    if (kept?.key !== key) kept = { key, audience: worldAudience({ ...source, seed: source.worldSeed }, readers) };
    return kept.audience;
  };
}
