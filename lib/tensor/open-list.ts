/** A list that is being written: its tokens so far, and how the next one is drawn. */
import { keyOf, uniformAt } from '../random.ts';
import type { Completion, GenerateRequest, Place } from './decoder.ts';
import { drawToken, greedyToken, restricted } from './sampling.ts';

export interface OpenList {
  prompt: number;
  sample: number;
  key: readonly [number, number];
  tokens: number[];
  logprobs: number[];
  policyLogprobs: number[];
  place: Place | undefined;
  finished: boolean;
}

/** Sample `sample` of a prompt, without a token. */
export function openList(prompt: number, sample: number, { key, constraint }: GenerateRequest): OpenList {
  const empty = { tokens: [], logprobs: [], policyLogprobs: [], finished: false };
  return { prompt, sample, key: keyOf(...key(prompt, sample)), place: constraint, ...empty };
}

/** The list as it is handed out. */
export function completionOf({ tokens, logprobs, policyLogprobs, finished }: OpenList): Completion {
  return {
    tokens: Int32Array.from(tokens),
    logprobs: Float32Array.from(logprobs),
    policyLogprobs: Float32Array.from(policyLogprobs),
    finished,
  };
}

/** Draws one more token. `next`: [vocabulary], the probabilities of what may follow; of a list under a constraint their logs. */
export function extend(list: OpenList, next: Float32Array, request: GenerateRequest): void {
  const position = list.tokens.length;
  const offered = list.place ? restricted(next, list.place.allowed(request.maxTokens - position)) : next;
  const { token, logprob } =
    request.temperature === 0 ? greedyToken(offered) : drawToken(offered, request, uniformAt(list.key, position));
  list.tokens.push(token);
  list.logprobs.push(logprob);
  list.policyLogprobs.push(list.place ? next[token] : Math.log(next[token]));
  list.finished = request.stopIds.includes(token) || request.stopWhen?.(list.tokens) === true;
  if (list.place && !list.finished) list.place = list.place.after(token);
}

/** Neither ended nor cut. */
export function isGoing({ finished, tokens }: OpenList, maxTokens: number): boolean {
  return !finished && tokens.length < maxTokens;
}
