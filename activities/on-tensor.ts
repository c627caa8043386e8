/** The activities of the tensor queue. They run in the compute process. A stage adds its line here. */
import type { Deps } from './deps.ts';

export function tensorActivities(_deps: Deps) {
  return {};
}
