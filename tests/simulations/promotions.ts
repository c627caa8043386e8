/** The whole A/B test, day by day as a promotion runs it: ramp, exposures, figures, verdict. */
import type { Exposure } from '../../lib/serving/simulation.ts';
import { experimentState } from '../../lib/serving/experiment-log.ts';
import { experimentArm } from '../../lib/serving/simulation.ts';
import { type Verdict, verdict, type VerdictSettings } from '../../lib/method/verdict.ts';
import type { Draw, Scenario } from './simulation.ts';

const DAYS = 7;
const RAMP = [0.15, 0.15, 0.15, 0.25, 0.25, 0.5, 0.5];
const READERS = 600;
const settings: VerdictSettings = {
  days: DAYS,
  minimumSample: 50,
  significance: 0.05,
  srmThreshold: 0.001,
  guardrails: { ctrDrop: 0.1, errorRate: 0.02, p95Ms: 500 },
};

export const promotions: Scenario[] = [
  {
    what: 'A/A promotion, three metrics under Holm: promoted or rejected',
    promised: 0.05,
    is: 'at most',
    replicate: (draw) => ['promote', 'reject'].includes(promotion(draw, 1)),
  },
  {
    what: 'A/A promotion, a look a day: rolled back by the CTR guardrail',
    promised: 0.05,
    is: 'at most',
    replicate: (draw) => promotion(draw, 1) === 'rollback',
  },
  {
    what: 'promotion that halves the CTR: rolled back',
    promised: 0.99,
    is: 'at least',
    replicate: (draw) => promotion(draw, 0.5) === 'rollback',
  },
];

/** The outcome of one test whose treatment multiplies every reader's click rate by `lift`. */
function promotion(draw: Draw, lift: number): Verdict['outcome'] {
  const salt = String(draw.uniform());
  const readers = Array.from({ length: READERS }, (_, i) => ({
    id: String(i),
    comes: 0.25 + 0.5 * draw.uniform(),
    clicks: 0.3 * draw.uniform() ** 2,
    cold: draw.uniform() < 0.2,
  }));
  const exposures: Exposure[] = [];
  for (let day = 1; day <= DAYS; day++) {
    for (const { id, comes, clicks, cold } of readers) {
      const arm = experimentArm(id, salt, RAMP[day - 1]);
      if (!arm) continue;
      const active = draw.uniform() < comes;
      exposures.push({
        reader_id: id,
        day,
        arm,
        cold,
        active,
        shown: active ? 10 : 0,
        clicks: active ? draw.binomial(10, clicks * (arm === 'treatment' ? lift : 1)) : 0,
        latency_ms: 1,
        failed: false,
        shift: 0,
        clicked: [],
      });
    }
    const { outcome } = verdict(experimentState(exposures, day === DAYS, settings.guardrails), settings);
    if (outcome !== 'running') return outcome;
  }
  throw new Error('the last day gives a verdict');
}
