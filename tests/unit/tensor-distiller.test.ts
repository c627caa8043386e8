import { describe, expect, it } from 'vitest';
import { loadLanguageModel, type LanguageModel } from '../../lib/tensor/language-model.ts';
import { createDistiller, type Distiller } from '../../lib/tensor/learner.ts';
import { openTokenizer } from '../../lib/tensor/tokenizer.ts';

const load = (name: string): LanguageModel =>
  loadLanguageModel(new URL(`../oracle/data/models/${name}`, import.meta.url).pathname);
const adamw = { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0, gradientNorm: 1 } as const;
const settings = { adamw, threads: 1, microBatchTokens: 256 };

interface TokenizerFile {
  model: { vocab: Record<string, number>; merges: (string | string[])[] };
}

describe('a distiller', () => {
  const withTokenizer = (change: (file: TokenizerFile) => void): LanguageModel => {
    const model = load('qwen2');
    const file = structuredClone(model.tokenizer.files.tokenizer) as TokenizerFile;
    change(file);
    return { ...model, tokenizer: openTokenizer(file) };
  };
  const distil = (student: LanguageModel): Promise<Distiller> =>
    createDistiller(student, load('qwen2'), { ...settings, divergence: 'reverse_kl', temperature: 1 });

  it('takes a tokenizer that is written otherwise, and refuses one whose ids stand for other tokens', async () => {
    const otherwise = await distil(
      withTokenizer(({ model }) => {
        model.vocab = Object.fromEntries(Object.entries(model.vocab).reverse());
        model.merges = model.merges.map((merge: string | string[]) =>
          typeof merge === 'string' ? merge.split(' ') : merge.join(' '),
        );
      }),
    );
    await otherwise.release();
    const swapped = withTokenizer(({ model }) => {
      const [[one, first], [other, second]] = Object.entries<number>(model.vocab).slice(300, 302);
      Object.assign(model.vocab, { [one]: second, [other]: first });
    });
    await expect(distil(swapped)).rejects.toThrow(/the student.*not the one of the teacher.*one family/s);
  });
});
