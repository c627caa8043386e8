/** out/summary.json: the run in figures, for programs. */
import type { ReportData } from './data.ts';

/** The summary of a run; parts whose stage did not run are null. Key names are part of the interface. */
export function summarise(data: ReportData): Record<string, unknown> {
  const { evaluation, sweep, experiment, facts } = data;
  return {
    run: data.run,
    pipeline: data.pipeline,
    profile: data.profile,
    seed: data.seed,
    source: data.source,
    seconds: data.seconds,
    digests: data.digests,
    stages: data.stages.map(({ name, status, seconds, cached }) => ({ name, status, seconds, cached })),
    rewards: evaluation
      ? {
          warmstart: evaluation.rewards.warmstart,
          teacher: evaluation.rewards.teacher,
          student: evaluation.rewards.student,
        }
      : null,
    ranking: evaluation?.ranking ?? null,
    readers: evaluation?.readers ?? null,
    differences: evaluation?.differences ?? null,
    distillation: evaluation?.distillation ?? null,
    gate: evaluation?.gate ?? null,
    scaling: sweep
      ? { capacity: sweep.capacity, best_of_n: sweep.bestOf, fits: sweep.fits, not_run: sweep.notRun }
      : null,
    cleaning: facts.clean ? { ...facts.clean, effect: evaluation?.cleaning ?? null } : null,
    experiment: experiment
      ? {
          outcome: experiment.outcome,
          simulation: experiment.simulation,
          caveat: experiment.caveat,
          metrics: experiment.metrics,
          srm_p: experiment.srmP,
          readers: experiment.readers,
          reasons: experiment.reasons,
          decided_by: experiment.decidedBy,
        }
      : null,
    peak_rss_mb: data.peakRssMb,
    orchestration_share: data.orchestrationShare,
  };
}
