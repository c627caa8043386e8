/** What someone who knows the news and its language would write for a reader, from the signals alone: the base models learn from it. */
import type { Random } from '../../random.ts';
import { generalQueries } from './lexicon/noise.ts';
import { topics } from './lexicon/topics.ts';
import { bareAspect, bareName, keyPhrase, type Subject } from './wording.ts';

/** As many entities as a list names: a fifth adds nothing (docs/experiments.md). */
const MOST_ENTITIES = 4;

/**
 * Queries for signals about `subjects` (one a signal, oldest first): the entities with most signals (of equals the newest), each with its
 * commonest aspect (of equals the newest), in the news' words and in the lexicon's order: what comes next is then what comes after the line
 * before, and a small model need not remember which signals it has served (docs/experiments.md). Where those are fewer than `least`, further
 * aspects of the same entities, commonest first. Empty for no signals.
 */
export function annotatedList(subjects: readonly Subject[], least: number): string[] {
  return annotated(subjects, least).map(keyPhrase);
}

/**
 * What people write for the same reader when nobody says what for: three in twenty take care, as many leave it at a line or two, and the lines of the
 * others name only what happened (seven in twenty), nothing in particular (six), only whom it is about (four), or are whole (three). `random` decides.
 */
export function casualList(subjects: readonly Subject[], least: number, random: Random): string[] {
  const careful = annotated(subjects, least);
  const care = random.uniform();
  if (care < 0.15) return careful.map(keyPhrase);
  if (care < 0.3) {
    const kept = random.shuffle(careful.map((_, i) => i)).slice(0, 1 + random.integer(2));
    return careful.filter((_, i) => kept.includes(i)).map(keyPhrase);
  }
  return [...new Set(careful.map((subject) => casualLine(subject, random)))];
}

function casualLine(subject: Subject, random: Random): string {
  const way = random.uniform();
  if (way < 0.15) return keyPhrase(subject);
  if (way < 0.35) return bareName(subject);
  return way < 0.7 ? bareAspect(subject) : random.pick(generalQueries);
}

/** The subjects that `annotatedList` names, in its order. */
function annotated(subjects: readonly Subject[], least: number): Subject[] {
  const newestFirst = Map.groupBy(subjects.toReversed(), entityOf);
  // Sorting is stable: of equals, the newest come first.
  const largest = [...newestFirst.values()].toSorted((a, b) => b.length - a.length).slice(0, MOST_ENTITIES);
  const named = largest.toSorted(([a], [b]) => a.topic - b.topic || a.entity - b.entity).map(byCommonestAspect);
  const further = named.flatMap((aspects) => aspects.slice(1));
  const mains = named.map(([main]) => main);
  return [...mains, ...further.slice(0, Math.max(0, least - mains.length))];
}

function entityOf({ topic, entity, name = '' }: Subject): string {
  return `${topic}/${entity}/${name}`;
}

/** One subject an aspect: those of the signals, commonest first, then the topic's others. */
function byCommonestAspect(signals: readonly Subject[]): Subject[] {
  const counts = new Map<number, number>();
  for (const { aspect } of signals) counts.set(aspect, (counts.get(aspect) ?? 0) + 1);
  const seen = [...counts.keys()].toSorted((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0));
  const others = topics[signals[0].topic].aspects.map((_, aspect) => aspect).filter((aspect) => !counts.has(aspect));
  return [...seen, ...others].map((aspect) => ({ ...signals[0], aspect }));
}
