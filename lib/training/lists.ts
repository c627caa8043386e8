/** A policy writes lists for readers: prompts in, parsed lists with their tokens and log-probabilities out. */
import { listFormat } from '../method/list-format.ts';
import { type ParsedList, parseList, promptOf } from '../method/prompt.ts';
import type { Reader } from '../data/rows.ts';
import type { RolloutSettings } from '../pipeline/policy-settings.ts';
import type { Label } from '../random.ts';
import type { Decoder } from '../tensor/decoder.ts';
import { beforeStop, stopStrings } from '../tensor/stop-strings.ts';
import type { Tokenizer } from '../tensor/tokenizer.ts';

/**
 * One sampled list. `logprobs` are natural logs under the policy at the sampling temperature, one a token: what ratio and KL compare
 * with. Filters and format narrow what is sampled, not the policy.
 */
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

/** Readers of one request to the decoder, which takes them in as places come free. Bounds what waits and what is done, not the KV cache. */
const READERS_AT_ONCE = 1024;

/** Lists of each reader, in the order of `readers`: `[reader][sample]`. */
export async function writeLists(readers: readonly Reader[], writing: Writing): Promise<WrittenList[][]> {
  const { decoder, tokenizer, settings, samples } = writing;
  const stopWhen = settings.stop.length > 0 ? stopStrings(settings.stop, tokenizer) : undefined;
  const written: WrittenList[][] = [];
  for (let start = 0; start < readers.length; start += READERS_AT_ONCE) {
    const some = readers.slice(start, start + READERS_AT_ONCE);
    let ended = 0;
    const completions = await decoder.generate({
      prompts: some.map((reader) => promptOf(reader.signals, tokenizer, settings.maxPromptTokens)),
      samples,
      temperature: settings.temperature,
      topK: settings.topK,
      topP: settings.topP,
      minP: settings.minP,
      maxTokens: settings.maxListTokens,
      stopIds: tokenizer.stopIds,
      stopWhen,
      key: (prompt, sample) => writing.stream(some[prompt].readerId, sample),
      constraint: settings.constrained ? listFormat(tokenizer) : undefined,
      onEnd: () => {
        if (++ended % samples === 0) writing.progress?.((start + ended / samples) / readers.length);
      },
    });
    completions.forEach((lists, index) =>
      written.push(
        lists.map(({ tokens, policyLogprobs, finished }, sample) => {
          const hasEnd = tokenizer.stopIds.includes(tokens[tokens.length - 1]);
          const text = beforeStop(tokenizer.decode(hasEnd ? tokens.subarray(0, -1) : tokens), settings.stop);
          return {
            readerId: some[index].readerId,
            sample,
            tokens,
            logprobs: policyLogprobs,
            finished,
            text,
            ...parseList(text, finished),
          };
        }),
      ),
    );
  }
  return written;
}
