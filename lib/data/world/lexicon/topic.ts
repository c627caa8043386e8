/**
 * The shape of the lexicon, and the small plain-text notation it is written in.
 *
 * A wording fits sentences by construction: `{e}` stands for the entity as running text names it ("the Outer Banks"),
 * `{b}` for the bare name ("Outer Banks"), clauses are headlines on their own, nouns are noun phrases without the entity, and a key phrase is a plural or mass
 * noun, so that it needs no article.
 */

/** Someone or something that is in the news: as headlines name it, and as readers or insiders do. */
export interface Entity {
  name: string;
  alias: string;
}

/** One side of a topic. Headlines say `clauses` and `nouns`, readers type `searches`; `key` is what both mean. */
export interface Aspect {
  key: string;
  /** The preposition that ties its key phrase and nouns to an entity: "evacuation orders *along* the Outer Banks". */
  link: string;
  clauses: string[];
  nouns: string[];
  searches: string[];
}

/** Which title and abstract templates suit a topic. */
export type Register = 'sport' | 'business' | 'culture' | 'public' | 'living' | 'health' | 'money' | 'technology';

export interface Topic {
  id: string;
  register: Register;
  entities: Entity[];
  /** How many of the last entities nobody has heard of before the test period. */
  newcomers: number;
  aspects: Aspect[];
}

/**
 * Reads a topic. `entities`: one line each, `name = alias`; a leading `+` marks one that is new in the test period (those
 * come last). `aspects`: four lines each (key phrase; clauses; nouns; searches), alternatives separated by ` | `; a key
 * phrase may name its own link after ` / `.
 */
export function topic(options: {
  id: string;
  register: Register;
  link: string;
  entities: string;
  aspects: string;
}): Topic {
  const { id, register } = options;
  const entityLines = lines(options.entities);
  const aspectLines = lines(options.aspects);
  if (aspectLines.length % 4 !== 0)
    throw new Error(`lexicon topic ${id}: ${aspectLines.length} lines are no whole aspects`);
  const entities = entityLines.map((line) => {
    const [name, alias] = line.replace(/^\+ */, '').split(' = ');
    if (!name || !alias) throw new Error(`lexicon topic ${id}: "${line}" is not "name = alias"`);
    return { name, alias };
  });
  const aspects: Aspect[] = [];
  for (let i = 0; i < aspectLines.length; i += 4) {
    const [clauses, nouns, searches] = [1, 2, 3].map((offset) => aspectLines[i + offset].split(' | '));
    const [key, link = options.link] = aspectLines[i].split(' / ');
    aspects.push({ key, link, clauses, nouns, searches });
  }
  return {
    id,
    register,
    entities,
    aspects,
    newcomers: entityLines.filter((line) => line.startsWith('+')).length,
  };
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
