/** Tokenizer, chat template and sampling filters against tokenizers and Transformers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderChat, type ChatMessage } from '../../lib/tensor/chat.ts';
import { filterProbabilities, penalizeRepetition, probabilitiesOf } from '../../lib/tensor/sampling.ts';
import { openTokenizer } from '../../lib/tensor/tokenizer.ts';
import { type Comparison, differences, largestError } from './comparison.ts';

/** tokenizer.json, with the tokenizer of models/llama. */
export function tokenizerComparisons(folder: string): Comparison[] {
  const { cases, chat } = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8')) as {
    cases: { text: string; ids: number[]; decoded: string }[];
    chat: { messages: ChatMessage[]; rendered: string };
  };
  const path = join(folder, 'models', 'llama');
  const tokenizer = openTokenizer(path);
  const specials = new Set(tokenizer.specialIds);
  const spelled = cases.filter(({ ids }) => ids.some((id) => specials.has(id)));
  const plain = cases.filter((one) => !spelled.includes(one));
  const count = <T>(of: readonly T[], isWrong: (one: T) => boolean): number => of.filter(isWrong).length;
  const equal = (what: string, error: number): Comparison => ({
    what: `tokenizer: ${what}, differing`,
    error,
    tolerance: 0,
  });
  const rendered = renderChat(tokenizer.files.chatTemplate ?? '', chat.messages, {
    config: tokenizer.files.config,
    path,
  });
  return [
    equal(
      'texts to ids',
      count(cases, ({ text, ids }) => differences(tokenizer.encodeWithSpecials(text), ids) > 0),
    ),
    equal(
      'plain texts to ids',
      count(plain, ({ text, ids }) => differences(tokenizer.encodeText(text), ids) > 0),
    ),
    equal(
      'ids to texts',
      count(cases, ({ ids, decoded }) => tokenizer.decode(ids) !== decoded),
    ),
    equal(
      'texts that spell special tokens, as plain text and back',
      count(spelled, ({ text }) => {
        const ids = tokenizer.encodeText(text);
        return ids.some((id) => specials.has(id)) || tokenizer.decode(ids) !== text;
      }),
    ),
    equal('chat template', Number(rendered !== chat.rendered)),
    equal(
      'ids of the conversation',
      differences(tokenizer.chat?.(chat.messages) ?? [], tokenizer.encodeWithSpecials(chat.rendered)),
    ),
  ];
}

/** sampling.json: probabilities after each combination of filters. */
export function samplingComparisons(folder: string): Comparison[] {
  const { logits, previous, cases } = JSON.parse(readFileSync(join(folder, 'sampling.json'), 'utf8')) as {
    logits: number[][];
    previous: number[][];
    cases: { filters: string; probabilities: number[][] }[];
  };
  return cases.map(({ filters, probabilities }) => {
    const setting = Object.fromEntries(
      filters.split(', ').map((filter): [string, number] => {
        const [name, value] = filter.split(' ');
        return [name, Number(value)];
      }),
    );
    const ours = logits.flatMap((row, i) => {
      const penalized = penalizeRepetition(Float32Array.from(row), previous[i], setting.repetition_penalty ?? 1);
      return Array.from(
        filterProbabilities(probabilitiesOf(penalized, setting.temperature ?? 1), {
          topK: setting.top_k ?? 0,
          topP: setting.top_p ?? 1,
          minP: setting.min_p ?? 0,
        }),
      );
    });
    return { what: `sampling: ${filters}`, error: largestError(ours, probabilities.flat()).absolute, tolerance: 1e-6 };
  });
}
