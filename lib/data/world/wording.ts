/** From a subject (topic, entity, aspect) to what is written, typed and browsed about it. */
import type { Random } from '../../random.ts';
import { pageSites } from './lexicon/noise.ts';
import { registers } from './lexicon/registers.ts';
import { topics } from './lexicon/topics.ts';
import type { Entity } from './lexicon/topic.ts';

/** What a text is about: indices into the lexicon. */
export interface Subject {
  topic: number;
  entity: number;
  aspect: number;
  /** Lower case: of somebody whom the lexicon does not know (`entity` is then one that it does not have). */
  name?: string;
}

/** The query that names a subject best, lower case: "outer banks storm surge". */
export function keyPhrase(subject: Subject): string {
  return `${bareName(subject)} ${bareAspect(subject)}`;
}

/** Of a key phrase: whom it is about. */
export function bareName({ topic, entity, name }: Subject): string {
  return name ?? spoken(topics[topic].entities[entity].name).toLowerCase();
}

/** The name and the alias of a subject's entity, without articles. */
export function spokenForms({ topic, entity }: Subject): [name: string, alias: string] {
  const { name, alias } = topics[topic].entities[entity];
  return [spoken(name), spoken(alias)];
}

/** Of a key phrase: what happened. */
export function bareAspect({ topic, aspect }: Subject): string {
  return topics[topic].aspects[aspect].key.toLowerCase();
}

/** Title and abstract of an article. `at`: when it was published, ms; headlines name that weekday. */
export function writeArticle(subject: Subject, at: number, random: Random): { title: string; abstract: string } {
  const { register, entities, aspects } = topics[subject.topic];
  const entity = entities[subject.entity];
  const aspect = aspects[subject.aspect];
  const templates = registers[register];
  const day = weekdays[new Date(at).getUTCDay()];

  const name = random.uniform() < 0.12 ? entity.alias : entity.name;
  const wordings = aspect.clauses.length + aspect.nouns.length;
  const wording = random.integer(wordings);
  const keyed = random.uniform() < 0.25;
  const noun = keyed ? aspect.key : (aspect.nouns[wording - aspect.clauses.length] ?? '');
  const template = random.pick(noun === '' ? templates.clauseTitles : templates.nounTitles);
  const title = fill(template, {
    c: (aspect.clauses[wording] ?? '').replace(/^\{e\}/, '{b}'),
    N: `${noun} ${aspect.link} {e}`,
    t: random.pick(templates.tails),
    day,
    e: name,
    b: spoken(name),
  });

  // An abstract takes up its title's wording more often than not, and adds another.
  const retold = random.uniform() < 0.6 ? wording : -1;
  const clause = aspect.clauses[retold] ?? random.pick(aspect.clauses);
  const aside = aspect.nouns[retold - aspect.clauses.length] ?? random.pick(aspect.nouns);
  const alias = random.uniform() < 0.6 ? entity.alias : entity.name;
  const abstract = fill(random.pick(templates.abstracts), {
    c: clause.replace(/^\{e\}/, '{E}'),
    n: aside,
    k: aspect.key,
    K: `${aspect.key} ${aspect.link} {e}`,
    al: alias,
    day,
    e: entity.name,
    E: capital(entity.name),
    b: spoken(entity.name),
  });
  return { title: sentences(title), abstract: sentences(abstract) };
}

/** What a reader types: often the alias, mostly other words than a headline's, always lower case. */
export function writeSearch(subject: Subject, random: Random): string {
  const entity = topics[subject.topic].entities[subject.entity];
  const aspect = topics[subject.topic].aspects[subject.aspect];
  const name = spokenName(entity, 0.55, random);
  const use = random.uniform();
  const words = use < 0.7 ? random.pick(aspect.searches) : use < 0.9 ? aspect.key : '';
  const text = phrase(name, words, random.uniform() < 0.8).toLowerCase();
  return random.uniform() < 0.04 ? mistyped(text, random) : text;
}

/** The title of a page that a reader browsed: a forum, a guide, a shop. */
export function writePage(subject: Subject, random: Random): string {
  const entity = topics[subject.topic].entities[subject.entity];
  const aspect = topics[subject.topic].aspects[subject.aspect];
  const words = random.uniform() < 0.75 ? random.pick(aspect.searches) : aspect.key;
  const site = random.pick(pageSites);
  const name = capital(spokenName(entity, 0.5, random));
  const asked = capital(phrase(name, words, true));
  switch (random.integer(5)) {
    case 0:
      return `${asked} - ${site}`;
    case 1:
      return `${asked} | ${site}`;
    case 2:
      return `${capital(phrase(name, words, false))}: a guide - ${site}`;
    case 3:
      return `${name} forum: ${words.replace('{e}', name)}`;
    default:
      return `${name} official site - ${words.replace('{e}', name)}`;
  }
}

const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** Replaces slots until none is left: a value may itself have slots. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  let text = template;
  while (text.includes('{')) text = text.replaceAll(/\{(\w+)\}/g, (_, slot: string) => values[slot] ?? '');
  return text;
}

/** Capitals where sentences start. */
function sentences(text: string): string {
  return text
    .replace(/^./, (first) => first.toUpperCase())
    .replaceAll(/([.?!] )(\p{Ll})/gu, (_, stop: string, letter: string) => stop + letter.toUpperCase());
}

function spokenName(entity: Entity, aliasShare: number, random: Random): string {
  return spoken(random.uniform() < aliasShare ? entity.alias : entity.name);
}

/** A name as people say it on its own, without its article. */
function spoken(name: string): string {
  return name.replace(/^(the|a|an) /, '');
}

function phrase(name: string, words: string, nameFirst: boolean): string {
  if (words === '') return name;
  if (words.includes('{e}')) return words.replace('{e}', name);
  return nameFirst ? `${name} ${words}` : `${words} ${name}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Two neighbouring letters swapped, as hurried fingers do. */
function mistyped(text: string, random: Random): string {
  if (text.length < 4) return text;
  const at = 1 + random.integer(text.length - 2);
  return text.slice(0, at) + text[at + 1] + text[at] + text.slice(at + 2);
}
