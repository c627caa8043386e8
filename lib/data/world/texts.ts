/** Text of generated worlds for pretraining tokenizer and base models. Newcomers never occur in it. */
import { topics } from './lexicon/topics.ts';
import { keyPhrase } from './wording.ts';
import { generateWorld, type WorldSettings } from './world.ts';

export interface WorldText {
  kind: 'title' | 'abstract' | 'search' | 'page' | 'key phrase';
  text: string;
}

/** Titles, abstracts, searches and pages (noise included) of the world of these settings, then every key phrase of the lexicon. */
export function* worldTexts(settings: Omit<WorldSettings, 'newcomers'>): Generator<WorldText> {
  const { articles, signals } = generateWorld({ ...settings, newcomers: false });
  for (const { title, abstract } of articles) {
    yield { kind: 'title', text: title };
    yield { kind: 'abstract', text: abstract };
  }
  for (const { kind, text } of signals) if (kind !== 'click') yield { kind, text };
  for (const [t, topic] of topics.entries()) {
    for (let entity = 0; entity < topic.entities.length - topic.newcomers; entity++) {
      for (let aspect = 0; aspect < topic.aspects.length; aspect++) {
        yield { kind: 'key phrase', text: keyPhrase({ topic: t, entity, aspect }) };
      }
    }
  }
}
