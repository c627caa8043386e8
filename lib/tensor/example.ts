/** A language model of 60,000 parameters learns four sentences by heart and goes on with their beginnings: node lib/tensor/example.ts */
import { trainByteBpe } from './bpe.ts';
import { createDecoder } from './decoder.ts';
import { parseModelConfig } from './language-model-config.ts';
import { createSupervised } from './learner.ts';
import { initialParameters } from './llama.ts';
import { openTokenizer } from './tokenizer.ts';

const texts = ['rain falls on the harbour', 'the strike ends today', 'a cup final in the rain', 'prices rise again'];
const tokenizer = openTokenizer(trainByteBpe(texts, { vocabularySize: 280, specials: ['<|endoftext|>'] }));
const sizes = {
  vocab_size: 280,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 1,
  num_attention_heads: 4,
};
const config = parseModelConfig({ model_type: 'llama', tie_word_embeddings: true, ...sizes }, 'example');
const model = { config, tokenizer, parameters: initialParameters(config, 0) };

const examples = texts.map((text) => {
  const ids = Int32Array.from([...tokenizer.encodeText(text), ...tokenizer.stopIds]);
  return { prompt: ids.slice(0, 2), completion: ids.slice(2) };
});
const adamw = { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0, gradientNorm: 1 } as const;
const learner = await createSupervised(model, { adamw, threads: 1 });
for (let step = 0; step <= 40; step++) {
  const { loss } = await learner.step(examples, 1e-2);
  if (step % 20 === 0) console.log(`step ${step}: ${loss.toFixed(2)} nats a token`);
}
await learner.release();

const decoder = createDecoder(model, { threads: 1 });
const prompts = examples.map(({ prompt }) => prompt);
const sampling = { samples: 1, temperature: 0, topK: 0, topP: 1, minP: 0, maxTokens: 30, stopIds: tokenizer.stopIds };
const lists = await decoder.generate({ prompts, ...sampling, key: (prompt, sample) => ['example', prompt, sample] });
for (const [i, [{ tokens }]] of lists.entries()) console.log(tokenizer.decode([...prompts[i], ...tokens]));
await decoder.release();
