/**
 * Byte-level byte-pair encoding (Sennrich et al. 2016, over bytes as in GPT-2): learns merges from texts and writes them
 * as the tokenizer.json that Hugging Face libraries read.
 */

/** The part of a tokenizer.json that we write. */
export interface TokenizerJson {
  version: string;
  added_tokens: { id: number; content: string; special: boolean; [flag: string]: unknown }[];
  model: { type: string; vocab: Record<string, number>; merges: [string, string][]; [setting: string]: unknown };
  [part: string]: unknown;
}

/**
 * Trains on texts. Ids: the specials in their order, the 256 bytes, then the merges, most frequent pair first (ties: the smaller ids).
 * Stops below `vocabularySize` when no pair occurs twice. Deterministic in the bag of words of the texts.
 */
export function trainByteBpe(
  texts: Iterable<string>,
  { vocabularySize, specials }: { vocabularySize: number; specials: readonly string[] },
): TokenizerJson {
  if (vocabularySize < specials.length + 256) {
    throw new RangeError(`a vocabulary of ${vocabularySize} has no room for ${specials.length} specials and 256 bytes`);
  }
  const alphabet = [...byteCharacters].sort();
  const tokens = [...specials, ...alphabet];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  if (ids.size !== tokens.length) throw new RangeError(`specials repeat, or are single bytes: ${specials.join(' ')}`);
  const pairs = new PairCounts(countWords(texts), ids);
  const merges: [string, string][] = [];
  while (tokens.length < vocabularySize) {
    const best = pairs.mostFrequent();
    if (!best || best.count < 2) break;
    const merged = tokens[best.left] + tokens[best.right];
    if (ids.has(merged)) {
      // A special's spelling, or a token that other parts make already: one string has one id.
      pairs.forget(best.left, best.right);
      continue;
    }
    ids.set(merged, tokens.push(merged) - 1);
    merges.push([tokens[best.left], tokens[best.right]]);
    pairs.merge(best.left, best.right, tokens.length - 1);
  }
  return tokenizerJson(tokens, merges, specials);
}

/** Bytes as printable characters, GPT-2's table: printable Latin-1 as it is, the other 68 bytes from U+0100 on. */
export const byteCharacters: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
})();

/** GPT-2's pattern, which `ByteLevel` means in a tokenizer.json. */
const wordPattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** How often each word occurs, in byte characters; sorted, so that nothing depends on the order of the texts. */
function countWords(texts: Iterable<string>): [string, number][] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of text.match(wordPattern) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const encoder = new TextEncoder();
  const spelled = [...counts].map(([word, count]): [string, number] => {
    return [Array.from(encoder.encode(word), (byte) => byteCharacters[byte]).join(''), count];
  });
  return spelled.sort(([a], [b]) => (a < b ? -1 : 1));
}

interface Pair {
  left: number;
  right: number;
  count: number;
}

/** Two ids as one map key. */
const pairKey = (left: number, right: number): number => left * 0x200000 + right;

/**
 * Counts of neighbouring tokens over all words, kept up to date merge by merge: a merge visits only the words that hold the pair.
 * The heap is lazy: an entry whose count has changed is corrected when it surfaces.
 */
class PairCounts {
  readonly #words: number[][];
  readonly #frequency: number[];
  readonly #counts = new Map<number, number>();
  /** Words that held a pair at some time. */
  readonly #where = new Map<number, Set<number>>();
  readonly #heap: Pair[] = [];

  constructor(words: readonly [string, number][], ids: ReadonlyMap<string, number>) {
    this.#words = words.map(([word]) => Array.from(word, (character) => ids.get(character)!));
    this.#frequency = words.map(([, count]) => count);
    this.#words.forEach((word, index) => {
      for (let i = 0; i + 1 < word.length; i++) this.#add(word[i], word[i + 1], index, this.#frequency[index]);
    });
    for (const key of this.#counts.keys()) this.#push(key);
  }

  /** Takes the most frequent pair from the heap. */
  mostFrequent(): Pair | undefined {
    for (;;) {
      const top = popHeap(this.#heap);
      if (!top) return undefined;
      const count = this.#counts.get(pairKey(top.left, top.right)) ?? 0;
      if (count === top.count) return top;
      if (count > 0) pushHeap(this.#heap, { ...top, count });
    }
  }

  /** Leaves a pair apart. */
  forget(left: number, right: number): void {
    this.#counts.delete(pairKey(left, right));
  }

  /** Replaces the pair by `merged` wherever it occurs. */
  merge(left: number, right: number, merged: number): void {
    const key = pairKey(left, right);
    const touched = new Set<number>();
    for (const index of this.#where.get(key) ?? []) {
      const word = this.#words[index];
      const frequency = this.#frequency[index];
      const out: number[] = [];
      for (let i = 0; i < word.length; i++) {
        if (word[i] !== left || word[i + 1] !== right) {
          out.push(word[i]);
          continue;
        }
        const before = out.at(-1);
        const after = word[i + 2];
        if (before !== undefined) {
          this.#add(before, left, index, -frequency);
          touched.add(this.#add(before, merged, index, frequency));
        }
        if (after !== undefined) {
          this.#add(right, after, index, -frequency);
          touched.add(this.#add(merged, after, index, frequency));
        }
        out.push(merged);
        i++;
      }
      this.#words[index] = out;
    }
    this.#counts.delete(key);
    this.#where.delete(key);
    for (const pair of touched) this.#push(pair);
  }

  #add(left: number, right: number, word: number, change: number): number {
    const key = pairKey(left, right);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + change);
    if (change > 0) {
      const words = this.#where.get(key);
      if (words) words.add(word);
      else this.#where.set(key, new Set([word]));
    }
    return key;
  }

  #push(key: number): void {
    const count = this.#counts.get(key) ?? 0;
    if (count > 0) pushHeap(this.#heap, { left: Math.floor(key / 0x200000), right: key % 0x200000, count });
  }
}

/** More frequent first; of equals the smaller ids. */
function precedes(a: Pair, b: Pair): boolean {
  return a.count !== b.count ? a.count > b.count : a.left !== b.left ? a.left < b.left : a.right < b.right;
}

function pushHeap(heap: Pair[], item: Pair): void {
  let at = heap.push(item) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!precedes(item, heap[parent])) break;
    heap[at] = heap[parent];
    at = parent;
  }
  heap[at] = item;
}

function popHeap(heap: Pair[]): Pair | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (!last || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && precedes(heap[child + 1], heap[child])) child++;
    if (!precedes(heap[child], last)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = last;
  return top;
}

function tokenizerJson(
  tokens: readonly string[],
  merges: [string, string][],
  specials: readonly string[],
): TokenizerJson {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => ({ id, content, ...flags })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}
