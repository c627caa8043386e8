import { companies } from './business.ts';
import { health } from './living.ts';
import { weather } from './public.ts';
import { football } from './sports.ts';
import type { Topic } from './topic.ts';

/** Every topic of the world. Order matters: it is part of what a seed means. */
export const topics: readonly Topic[] = [football, companies, weather, health];
