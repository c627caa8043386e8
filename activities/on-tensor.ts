/** The activities of the tensor queue. They run in the compute process. A stage adds its line here. */
import { createCleanActivities } from './clean.ts';
import type { Deps } from './deps.ts';
import { createEvaluateActivities } from './evaluate.ts';
import { createExtractActivities } from './extract.ts';
import { createIndexActivities } from './index.ts';
import { createMeasureActivities } from './measure.ts';
import { createPublishActivities } from './publish.ts';
import { createRateActivities } from './rate.ts';
import { createStudentActivities } from './student.ts';
import { createSweepActivities } from './sweep.ts';
import { createTeacherActivities } from './teacher.ts';
import { createWarmstartActivities } from './warmstart.ts';

export function tensorActivities(deps: Deps) {
  return {
    ...createExtractActivities(deps),
    ...createCleanActivities(deps),
    ...createIndexActivities(deps),
    ...createWarmstartActivities(deps),
    ...createTeacherActivities(deps),
    ...createSweepActivities(deps),
    ...createStudentActivities(deps),
    ...createEvaluateActivities(deps),
    ...createMeasureActivities(deps),
    ...createRateActivities(deps),
    ...createPublishActivities(deps),
  };
}
