/** The activities of the cpu queue. They run in the cpu worker itself. A stage adds its line here. */
import type { CpuDeps } from './deps.ts';
import { createPaperActivities } from './paper.ts';
import { createPromoteActivities } from './promote.ts';
import { createScoreActivities } from './score.ts';

export function cpuActivities(deps: CpuDeps) {
  return {
    ...createScoreActivities(deps),
    ...createPromoteActivities(deps),
    ...createPaperActivities(deps),
  };
}
