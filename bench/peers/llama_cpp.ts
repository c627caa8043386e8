/**
 * llama.cpp through node-llama-cpp, float32 throughout: the time of all tokens of the lists but the first. Each list is a sequence of one
 * context, so that all are decoded as one batch; prompts are read once and kept between runs. NEWSHOUND_BENCH_LLAMA names the folder where
 * the package is installed (bench/peers.ts).
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Prepared, serve } from '../serve.ts';
import { batchOf, type Job, models } from '../workload.ts';

/** What we use of node-llama-cpp. */
interface Library {
  getLlama(options: object): Promise<{ loadModel(options: object): Promise<Model> }>;
}

interface Model {
  createContext(options: object): Promise<{ getSequence(): Sequence }>;
}

interface Sequence {
  /** Yields the next token; each further one reads the one before. */
  evaluate(tokens: readonly number[], options: Sampling): AsyncGenerator<number>;
  evaluateWithMetadata(
    tokens: readonly number[],
    metadata: { confidence: true },
    options: Sampling,
  ): AsyncGenerator<{ token: number; confidence: number }>;
  /** Forgets what was read or written beyond the common prefix. */
  adaptStateToTokens(tokens: readonly number[], allowShift: false): Promise<void>;
  readonly nextTokenIndex: number;
}

interface Sampling {
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  seed?: number;
}

const installed = join(process.env.NEWSHOUND_BENCH_LLAMA ?? '.', 'node_modules', 'node-llama-cpp', 'dist', 'index.js');
const unfiltered = { topK: 0, topP: 1, minP: 0 };

interface Place {
  sequence: Sequence;
  prompt: number[];
  seed: number;
}

async function greedy({ sequence, prompt }: Place): Promise<Prepared['check']> {
  const tokens: number[] = [];
  const logprobs: number[] = [];
  const options = { ...unfiltered, temperature: 0 };
  for await (const { token, confidence } of sequence.evaluateWithMetadata(prompt, { confidence: true }, options)) {
    tokens.push(token);
    logprobs.push(Math.log(confidence));
    if (tokens.length === 8) break;
  }
  return { tokens, logprobs };
}

async function run(places: readonly Place[], { listLength }: Job): Promise<{ milliseconds: number }> {
  const writers = await Promise.all(
    places.map(async ({ sequence, prompt, seed }) => {
      await sequence.adaptStateToTokens(prompt.slice(0, -1), false);
      return sequence.evaluate(prompt.slice(sequence.nextTokenIndex), { ...unfiltered, temperature: 1, seed });
    }),
  );
  await Promise.all(writers.map((writer) => writer.next()));
  const start = performance.now();
  await Promise.all(
    writers.map(async (writer) => {
      for (let i = 0; i < listLength; i++) await writer.next();
    }),
  );
  const milliseconds = performance.now() - start;
  await Promise.all(writers.map((writer) => writer.return(undefined)));
  return { milliseconds };
}

await serve(async (folder, job) => {
  const { getLlama } = (await import(pathToFileURL(installed).href)) as Library;
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: job.threads, logLevel: 'error' });
  const model = await llama.loadModel({ modelPath: join(folder, 'student.gguf') });
  const lists = job.prompts * job.samples;
  const context = await model.createContext({
    sequences: lists,
    contextSize: job.promptLength + job.listLength + 8,
    batchSize: Math.max(512, lists),
    threads: job.threads,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
    // On a CPU it rounds to half precision.
    flashAttention: false,
  });
  const { prompts } = batchOf(job, models[job.student].vocabularySize);
  const sequences = Array.from({ length: lists }, (_, list) => {
    return { sequence: context.getSequence(), prompt: [...prompts[Math.floor(list / job.samples)]], seed: list + 1 };
  });
  return { check: await greedy(sequences[0]), run: () => run(sequences, job) };
});
