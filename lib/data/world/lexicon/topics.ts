import { companies, money } from './business.ts';
import { celebrities, games, television } from './culture.ts';
import { food, health, travel } from './living.ts';
import { crime, politics, weather } from './public.ts';
import { football, soccer } from './sports.ts';
import { cars, gadgets, science } from './technology.ts';
import type { Topic } from './topic.ts';

/** Every topic of the world. Order matters: it is part of what a seed means. */
export const topics: readonly Topic[] = [
  football,
  soccer,
  companies,
  money,
  celebrities,
  television,
  games,
  politics,
  weather,
  crime,
  health,
  food,
  travel,
  gadgets,
  cars,
  science,
];
