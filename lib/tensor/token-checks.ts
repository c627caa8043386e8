/** Token lists that a model cannot read are refused before anything runs: ONNX Runtime would say it in terms of its operators, or not at all. */
import { DataError } from '../errors.ts';
import type { ModelConfig } from './language-model-config.ts';
import type { TokenGroup } from './packing.ts';

/** What of a model decides which tokens it can read. */
export type TokenLimits = Pick<ModelConfig, 'vocabularySize' | 'maxPositions'>;

/** Throws DataError, naming the prompt, for one that is empty, holds an id without a row, or leaves no room for `maxTokens` more. */
export function checkPrompts(prompts: readonly Int32Array[], maxTokens: number, limits: TokenLimits): void {
  prompts.forEach((prompt, i) => {
    const what = `prompt ${i}`;
    checkIds(prompt, what, limits);
    if (prompt.length + maxTokens > limits.maxPositions) {
      throw new DataError(
        `${what} has ${prompt.length} tokens and up to ${maxTokens} follow, the model has ${limits.maxPositions} positions. Lower teacher.rollout.maxPromptTokens or teacher.rollout.maxListTokens`,
      );
    }
  });
}

/** Throws DataError, naming group and list, for an empty prompt, an id without a row, or more tokens than the model has positions. */
export function checkGroups(groups: readonly TokenGroup[], limits: TokenLimits): void {
  groups.forEach(({ prompt, completions }, i) => {
    checkIds(prompt, `the prompt of group ${i}`, limits);
    completions.forEach((completion, j) => {
      const what = `list ${j} of group ${i}`;
      if (completion.length > 0) checkIds(completion, what, limits);
      if (prompt.length + completion.length > limits.maxPositions) {
        throw new DataError(
          `${what} has ${completion.length} tokens after a prompt of ${prompt.length}, the model has ${limits.maxPositions} positions. Lower teacher.rollout.maxPromptTokens or teacher.rollout.maxListTokens`,
        );
      }
    });
  });
}

function checkIds(ids: Int32Array, what: string, { vocabularySize }: TokenLimits): void {
  if (ids.length === 0) throw new DataError(`${what} is empty: a model needs at least one token to go on from`);
  const wrong = ids.find((id) => id < 0 || id >= vocabularySize);
  if (wrong !== undefined) {
    throw new DataError(
      `${what} holds token id ${wrong}, the model's table has ${vocabularySize} rows. Encode it with the model's own tokenizer`,
    );
  }
}
