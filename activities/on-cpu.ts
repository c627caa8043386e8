/** The activities of the cpu queue. They run in the cpu worker itself. A stage adds its line here. */
import type { Deps } from './deps.ts';

export function cpuActivities(_deps: Deps) {
  return {};
}
