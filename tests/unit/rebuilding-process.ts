/**
 * A process that decodes with changing weights: a session is compiled, run and released each time. Prints resident memory, bytes, after
 * FIRST and after LAST rebuilds, a line each; `keep` releases nothing.
 *
 *     node --expose-gc rebuilding-process.ts FIRST LAST release|keep
 */
import { createDecoder } from '../../lib/tensor/decoder.ts';
import { loadLanguageModel } from '../../lib/tensor/language-model.ts';

const [first, last] = process.argv.slice(2, 4).map(Number);
const model = loadLanguageModel(`${import.meta.dirname}/../oracle/data/models/llama`);
const kept: unknown[] = [];
for (let rebuild = 1; rebuild <= last; rebuild++) {
  const decoder = createDecoder(model, { threads: 1 });
  await decoder.generate({
    prompts: [Int32Array.from({ length: 12 }, (_, i) => 3 + i)],
    samples: 4,
    temperature: 0.8,
    topK: 0,
    topP: 1,
    minP: 0,
    maxTokens: 3,
    stopIds: [0],
    key: (prompt, sample) => ['rebuilds', rebuild, prompt, sample],
  });
  if (process.argv[4] === 'keep') kept.push(decoder);
  else await decoder.release();
  if (rebuild !== first && rebuild !== last) continue;
  globalThis.gc?.();
  console.log(process.memoryUsage.rss());
}
