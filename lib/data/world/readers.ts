/** Who reads: a few latent interests each, and the channels on which each interest shows. */
import { Random } from '../../random.ts';
import type { SignalKind, Split } from '../rows.ts';
import { type Popularity } from './popularity.ts';
import { keyPhrase, type Subject } from './wording.ts';

export interface Interest {
  subject: Subject;
  /** Share of the reader's interest; a reader's weights add up to 1. */
  weight: number;
  /** Signal kinds on which it shows, as often as listed. */
  shows: readonly SignalKind[];
}

export interface WorldReader {
  readerId: string;
  split: Split;
  /** Hardly clicks: mostly known by a few searches and pages. */
  cold: boolean;
  interests: Interest[];
}

/** Draws reader number `index` of a split. Readers do not depend on how many there are. */
export function drawReader(
  seed: number,
  split: Split,
  index: number,
  popularity: Popularity,
  taste: ReaderTaste,
): WorldReader {
  const random = new Random(seed, 'world reader', split, index);
  const count = 2 + random.weighted([0.15, 0.3, 0.35, 0.2]);
  const chosen = random.sampleWithout(taste.entities[split === 'test' ? 'all' : 'known'], count);
  const weights = random.dirichlet(chosen.length, 3);
  const interests = chosen.map((i, j) => {
    const { topic, entity } = popularity.entities[i];
    const aspect = random.weighted(taste.aspects[topic]);
    return { subject: { topic, entity, aspect }, weight: weights[j], shows: channels[random.weighted(channelShares)] };
  });
  return {
    readerId: `reader-${split}-${String(index).padStart(5, '0')}`,
    split,
    cold: random.uniform() < 0.25,
    interests,
  };
}

/** What interests are drawn from: readers' tastes are broader than the news. */
export interface ReaderTaste {
  entities: { all: Float64Array; known: Float64Array };
  aspects: number[][];
}

export function readerTaste(popularity: Popularity): ReaderTaste {
  const all = popularity.lasting.map((weight) => weight ** 0.6);
  return {
    entities: { all, known: all.map((weight, i) => (popularity.isNewcomer(popularity.entities[i]) ? 0 : weight)) },
    aspects: popularity.aspects.map((shares) => shares.map((share) => share + 0.1)),
  };
}

/** The oracle's query for an interest. */
export function interestQuery(interest: Interest): string {
  return keyPhrase(interest.subject);
}

const channels: readonly (readonly SignalKind[])[] = [
  ['click', 'click', 'click', 'search', 'page'],
  ['click', 'click', 'search'],
  ['search'],
  ['page'],
  ['search', 'page'],
];
const channelShares = [0.25, 0.2, 0.25, 0.15, 0.15];

/** The affinity of anybody for anything. */
export const baseAffinity = 0.0004;

/** How likely a reader clicks an article about `subject`, before its appeal: `baseAffinity` for anything, near 1 for the heart of a lone interest. */
export function affinity(interests: readonly Interest[], subject: Subject): number {
  let sum = baseAffinity;
  for (const { subject: own, weight } of interests) {
    if (own.topic !== subject.topic) continue;
    const sameEntity = own.entity === subject.entity;
    const sameAspect = own.aspect === subject.aspect;
    sum +=
      weight * (0.004 + (sameAspect ? 0.012 : 0) + (sameEntity ? 0.12 : 0) + (sameEntity && sameAspect ? 0.88 : 0));
  }
  return sum;
}
