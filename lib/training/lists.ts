/** A policy writes lists for readers: prompts in, parsed lists with their tokens and log-probabilities out. */
import { type ParsedList, parseList, promptOf } from '../method/prompt.ts';
import type { Reader } from '../data/rows.ts';
import type { RolloutSettings } from '../pipeline/stages.ts';
import type { Label } from '../random.ts';
import type { Decoder } from '../tensor/decoder.ts';
import type { Tokenizer } from '../tensor/tokenizer.ts';

/** One sampled list. `logprobs` are natural logs under the sampling distribution, one a token. */
export interface WrittenList extends ParsedList {
  readerId: string;
  sample: number;
  tokens: Int32Array;
  logprobs: Float32Array;
  finished: boolean;
  text: string;
}

export interface Writing {
  decoder: Decoder;
  tokenizer: Tokenizer;
  settings: RolloutSettings;
  samples: number;
  /** The random stream of one list: a function of what it is, not of when it is drawn. */
  stream: (readerId: string, sample: number) => Label[];
  progress?: (fraction: number) => void;
}

/** Readers decoded together: bounds the KV cache. */
const READERS_AT_ONCE = 32;

/** Lists of each reader, in the order of `readers`: `[reader][sample]`. */
export async function writeLists(readers: readonly Reader[], writing: Writing): Promise<WrittenList[][]> {
  const { decoder, tokenizer, settings, samples } = writing;
  const written: WrittenList[][] = [];
  for (let start = 0; start < readers.length; start += READERS_AT_ONCE) {
    const some = readers.slice(start, start + READERS_AT_ONCE);
    const completions = await decoder.generate({
      prompts: some.map((reader) => promptOf(reader.signals, tokenizer, settings.maxPromptTokens)),
      samples,
      temperature: settings.temperature,
      topK: settings.topK,
      topP: settings.topP,
      minP: settings.minP,
      maxTokens: settings.maxListTokens,
      stopIds: tokenizer.stopIds,
      key: (prompt, sample) => writing.stream(some[prompt].readerId, sample),
    });
    completions.forEach((lists, index) =>
      written.push(
        lists.map(({ tokens, logprobs, finished }, sample) => {
          const text = tokenizer.decode(finished ? tokens.subarray(0, -1) : tokens);
          return {
            readerId: some[index].readerId,
            sample,
            tokens,
            logprobs,
            finished,
            text,
            ...parseList(text, finished),
          };
        }),
      ),
    );
    writing.progress?.(Math.min(1, (start + some.length) / readers.length));
  }
  return written;
}
