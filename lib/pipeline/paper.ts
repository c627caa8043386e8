/** What a paper run is asked to do: arms, each in every world and with every seed. Plain JSON; the workflow's input. Pure: workflows import it. */
import type { Plan } from './plan.ts';
import type { PaperSettings } from './paper-settings.ts';
import type { SourceSettings } from './stage-settings.ts';

/** One way to run the pipeline: some of its steps, with some settings changed. */
export interface Arm {
  name: string;
  summary: string;
  /** One that may be left out when time is short, or fail without ending the run. */
  optional: boolean;
  /** Expected seconds of work in one world with one seed, what earlier arms have made left out. */
  seconds: number;
  /** Its seed and world are put in for each lane. */
  plan: Plan;
}

/** A world and a seed. World null: a source that is not generated. */
export interface Lane {
  world: number | null;
  seed: number;
}

export interface PaperPlan {
  pipeline: string;
  profile: string;
  seed: number;
  settings: PaperSettings;
  source: SourceSettings;
  /** In the order in which they run: those of a seed before those of the next. */
  lanes: Lane[];
  /** In the order in which they run: an arm after those whose steps it shares. */
  arms: Arm[];
  /** What was made smaller to keep the hours, in sentences. */
  shrunk: string[];
  /** Arms of the pipeline that cannot be run on this source. */
  impossible: string[];
  /** Arms of the pipeline that `paper.arms` does not name. */
  notAsked: string[];
  /** What was set otherwise than in the profile: `section.key=value`. */
  set: string[];
}

/** The run of one arm in one lane. */
export interface ArmRun extends Lane {
  arm: string;
  optional: boolean;
  name: string;
  seconds: number;
  plan: Plan;
}

/** Every run of a plan, in order. */
export function armRuns({ lanes, arms, profile }: PaperPlan): ArmRun[] {
  return lanes.flatMap((lane) =>
    arms.map((arm) => {
      const name = [arm.name, ...(lane.world === null ? [] : [lane.world]), lane.seed].join('-');
      const plan = planOf(arm.plan, lane);
      return {
        ...lane,
        arm: arm.name,
        optional: arm.optional,
        name,
        seconds: arm.seconds,
        plan: { ...plan, profile: `${profile}/${name}` },
      };
    }),
  );
}

function planOf(plan: Plan, { world, seed }: Lane): Plan {
  if (world === null) return { ...plan, seed };
  const source = { ...plan.settings.source, worldSeed: world };
  const steps = plan.steps.map((step) => (step.section === 'source' ? { ...step, settings: source } : step));
  return { ...plan, seed, settings: { ...plan.settings, source }, steps };
}

/** What is known of the work behind a run. */
export interface Worked {
  steps: readonly { work: { key: string; seconds: number } | null }[];
}

export interface EndedArm<R extends Worked = Worked> {
  arm: ArmRun;
  result: R;
}

/** Seconds of work behind what ran: a step that several runs share counts once, with the time it took when it ran. */
export function workSeconds(runs: readonly Worked[]): number {
  const byKey = new Map<string, number>();
  for (const { steps } of runs) for (const { work } of steps) if (work !== null) byKey.set(work.key, work.seconds);
  return [...byKey.values()].reduce((sum, seconds) => sum + seconds, 0);
}

/**
 * Why an arm is not begun, or null: by what the arms so far took, measured against what was expected of them, it would end after the
 * hours. Counted is work, not time: a run that was interrupted decides as one that was not. What the first lane needs is always run.
 */
export function outOfTime(
  { settings, lanes }: Pick<PaperPlan, 'settings' | 'lanes'>,
  ended: readonly EndedArm[],
  next: ArmRun,
): string | null {
  const isFirstLane = next.world === lanes[0].world && next.seed === lanes[0].seed;
  if (isFirstLane && !next.optional) return null;
  const expected = ended.reduce((sum, { arm }) => sum + arm.seconds, 0);
  const spent = workSeconds(ended.map(({ result }) => result));
  const needed = next.seconds * (expected === 0 ? 1 : spent / expected);
  if (spent + needed <= 3600 * settings.hours) return null;
  const hours = (seconds: number): string => `${(seconds / 3600).toFixed(2)} h`;
  return `the ${settings.hours} hours do not suffice: ${hours(spent)} are spent, it would need ${hours(needed)}`;
}
