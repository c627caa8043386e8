/**
 * Samples lists of tokens from a language model, many at a time. A prompt is read once for all its samples; a list that ends frees its
 * place for the next prompt's. What a list becomes depends on the weights, its key and the request's settings alone: the random number
 * of a position is a function of the list's key, and rows of a matrix product do not see each other. A request of a single list takes
 * other kernels (one row) than it would take in company: its log-probabilities differ by rounding (some 1e-6).
 */
import { NumericsError } from '../errors.ts';
import type { Label } from '../random.ts';
import { createComputation } from './computation.ts';
import { writeLists } from './continuous-batch.ts';
import { prefillGraph, stepGraph } from './decode-graphs.ts';
import type { LanguageModel } from './language-model.ts';
import { allFinite } from './numerics.ts';
import { completionOf, openList } from './open-list.ts';
import type { Filters } from './sampling.ts';
import type { StopCondition } from './stop-strings.ts';
import type { Parameters } from './parameters.ts';
import { checkPrompts } from './token-checks.ts';

export interface GenerateRequest extends Filters {
  /** Token ids, at least one each. */
  prompts: readonly Int32Array[];
  /** Lists a prompt. */
  samples: number;
  /** 0: greedy. */
  temperature: number;
  maxTokens: number;
  /** Any of them ends a list. */
  stopIds: readonly number[];
  /** Ends a list too: true where its tokens, of which the last is new, are to be all (stop-strings.ts). A pure function of them. */
  stopWhen?: StopCondition;
  /** The random stream of a list: position = token index. */
  key: (prompt: number, sample: number) => readonly Label[];
  /** Where every list begins, if not all tokens may be written everywhere. Applied before the filters. */
  constraint?: Place;
  /** Called for each list when it ends. */
  onEnd?: (prompt: number, sample: number) => void;
}

/** A place in a constrained list. Immutable: lists share places. */
export interface Place {
  /**
   * 1 for each token that may come next, where `left` tokens may still be written, this one included. At least one is 1; tokens
   * beyond the array may not come.
   */
  allowed(left: number): Uint8Array;
  /** The place behind one of the allowed tokens that ends no list. */
  after(token: number): Place;
}

export interface Completion {
  /** With the stop token, where it has one. */
  tokens: Int32Array;
  /** Natural logs under the sampling distribution (temperature, constraint and, unless greedy, filters applied), one a token. */
  logprobs: Float32Array;
  /** Under the model at the temperature, over all tokens: equal to `logprobs` where nothing narrows the distribution. */
  policyLogprobs: Float32Array;
  /** Ended by a stop token or by `stopWhen`, not cut at maxTokens. */
  finished: boolean;
}

export interface Decoder {
  /**
   * Lists of each prompt: [prompt][sample]. Throws NumericsError when the model yields no finite probability, DataError for a prompt that
   * the model cannot read, RangeError for a request without lists or tokens.
   */
  generate(request: GenerateRequest): Promise<Completion[][]>;
  /** Before the weights change: lets go of what was compiled with their numbers (a copy of them, too). What reads prompts stays. */
  refresh(): Promise<void>;
  release(): Promise<void>;
}

export interface DecoderSettings {
  threads: number;
  /** Lists decoded together at most. */
  rows?: number;
  /** Bytes of the KV cache at most: fewer lists are decoded together where it would be larger. */
  cacheBytes?: number;
}

/** Decodes with the weights as they are at the first `generate` after this or after `refresh` (nothing is compiled before). */
export function createDecoder(
  model: Pick<LanguageModel, 'config' | 'parameters'>,
  { threads, rows = 128, cacheBytes = 2 ** 30 }: DecoderSettings,
): Decoder {
  const { config, parameters } = model;
  const prefill = createComputation({
    parameters,
    trace: (p, fed) => prefillGraph(config, p, fed),
    threads,
  });
  const step = createComputation({
    parameters,
    trace: (p, fed) => stepGraph(config, p, fed),
    threads,
    frozen: true,
  });
  return {
    generate: async (request) => {
      checkRequest(request);
      checkPrompts(request.prompts, request.maxTokens, config);
      const lists = request.prompts.map((_, prompt) =>
        Array.from({ length: request.samples }, (__, sample) => openList(prompt, sample, request)),
      );
      await writeLists({ config, prefill, step, rows, cacheBytes }, request, lists).catch((error: unknown) => {
        throw error instanceof NumericsError ? named(error, parameters) : error;
      });
      return lists.map((group) => group.map(completionOf));
    },
    refresh: () => step.release(),
    release: async () => {
      await prefill.release();
      await step.release();
    },
  };
}

/** With the parameter that is not finite, where one is. */
function named(error: NumericsError, parameters: Parameters): NumericsError {
  const broken = [...parameters].find(([, { data }]) => !allFinite(data));
  if (broken === undefined) return error;
  const [tensor] = broken;
  return new NumericsError(`${error.message}: ${tensor} holds numbers that are not finite`, { tensor, cause: error });
}

function checkRequest({ samples, maxTokens, temperature }: GenerateRequest): void {
  if (samples < 1 || maxTokens < 1)
    throw new RangeError(`${samples} lists of ${maxTokens} tokens: both must be at least 1`);
  if (!(temperature >= 0)) throw new RangeError(`a temperature must be 0 or more, it is ${temperature}`);
}
