/** transformers.js beside us, for consumers.test.ts: `node with-transformers.mjs PACKAGE FOLDER PROMPTS.json` continues each prompt greedily. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [, , where, folder, file] = process.argv;
const entry = createRequire(`${where}/package.json`).resolve('@huggingface/transformers');
const { AutoModelForCausalLM, AutoTokenizer, Tensor, env } = await import(pathToFileURL(entry).href);
env.allowRemoteModels = false;
env.localModelPath = '/';
const { ids: prompts, tokens, text } = JSON.parse(readFileSync(file, 'utf8'));
const model = await AutoModelForCausalLM.from_pretrained(folder, { dtype: 'fp32', device: 'cpu' });
const tokenizer = await AutoTokenizer.from_pretrained(folder);
const lists = [];
for (const prompt of prompts) {
  const row = (of) => new Tensor('int64', BigInt64Array.from(prompt, of), [1, prompt.length]);
  const written = await model.generate({
    input_ids: row((id) => BigInt(id)),
    attention_mask: row(() => 1n),
    max_new_tokens: tokens,
    do_sample: false,
  });
  lists.push(Array.from(written.data, Number).slice(prompt.length));
}
console.log(JSON.stringify({ lists, text: tokenizer.encode(text, { add_special_tokens: false }) }));
