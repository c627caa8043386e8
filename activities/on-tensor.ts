/** The activities of the tensor queue. They run in the compute process. A stage adds its line here. */
import type { Deps } from './deps.ts';
import { createIndexActivities } from './index.ts';
import { createStudentActivities } from './student.ts';
import { createSweepActivities } from './sweep.ts';
import { createTeacherActivities } from './teacher.ts';
import { createWarmstartActivities } from './warmstart.ts';

export function tensorActivities(deps: Deps) {
  return {
    ...createIndexActivities(deps),
    ...createWarmstartActivities(deps),
    ...createTeacherActivities(deps),
    ...createSweepActivities(deps),
    ...createStudentActivities(deps),
  };
}
