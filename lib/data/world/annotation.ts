/** What someone who knows the news and its language would write for a reader, from the signals alone: the base models learn from it. */
import { topics } from './lexicon/topics.ts';
import { keyPhrase, type Subject } from './wording.ts';

/** As many entities as a list names: a fifth adds nothing (docs/experiments.md). */
const MOST_ENTITIES = 4;

/**
 * Queries for signals about `subjects` (one a signal, oldest first): the entities with most signals (of equals the newest), each with its
 * commonest aspect (of equals the newest), in the news' words and in the lexicon's order: what comes next is then what comes after the line
 * before, and a small model need not remember which signals it has served (docs/experiments.md). Where those are fewer than `least`, further
 * aspects of the same entities, commonest first. Empty for no signals.
 */
export function annotatedList(subjects: readonly Subject[], least: number): string[] {
  const newestFirst = Map.groupBy(subjects.toReversed(), entityOf);
  // Sorting is stable: of equals, the newest come first.
  const largest = [...newestFirst.values()].toSorted((a, b) => b.length - a.length).slice(0, MOST_ENTITIES);
  const named = largest.toSorted(([a], [b]) => a.topic - b.topic || a.entity - b.entity).map(byCommonestAspect);
  const lines = new Set(named.map(([main]) => keyPhrase(main)));
  for (const further of named.flatMap((aspects) => aspects.slice(1))) {
    if (lines.size >= least) break;
    lines.add(keyPhrase(further));
  }
  return [...lines];
}

function entityOf({ topic, entity }: Subject): string {
  return `${topic}/${entity}`;
}

/** One subject an aspect: those of the signals, commonest first, then the topic's others. */
function byCommonestAspect(signals: readonly Subject[]): Subject[] {
  const counts = new Map<number, number>();
  for (const { aspect } of signals) counts.set(aspect, (counts.get(aspect) ?? 0) + 1);
  const seen = [...counts.keys()].toSorted((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0));
  const others = topics[signals[0].topic].aspects.map((_, aspect) => aspect).filter((aspect) => !counts.has(aspect));
  return [...seen, ...others].map((aspect) => ({ ...signals[0], aspect }));
}
