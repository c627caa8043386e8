/**
 * `node bench/session-options.ts [--turns 7]`: what threads, their affinity, spinning and the arena of ONNX Runtime do to one training step and
 * one round of decoding with the 5.4M model. All variants live in one process and run in turns; the table has each one's speed as a
 * multiple of the defaults' (session.ts, computation.ts), median and range of the turns.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { InferenceSession } from 'onnxruntime-node';
import { formatTable } from '../cli/table.ts';
import { createDecoder } from '../lib/tensor/decoder.ts';
import { createSupervised } from '../lib/tensor/learner.ts';
import { copyParameters } from '../lib/tensor/parameters.ts';
import { speedups } from './pairs.ts';
import { adamw, batchOf, type Job, randomModel } from './workload.ts';

interface Variant {
  title: string;
  threads: number;
  options: InferenceSession.SessionOptions;
}

interface Side {
  runs: Record<Work, () => Promise<unknown>>;
  milliseconds: Record<Work, number[]>;
}

type Work = 'training' | 'decoding';

const session = (entries: Record<string, string>): InferenceSession.SessionOptions => ({ extra: { session: entries } });
const arena = (on: boolean): InferenceSession.SessionOptions => ({ enableCpuMemArena: on, enableMemPattern: on });

/** The first is what all are compared with; the last is the first again: how far apart equal things come out. */
const variants: Variant[] = [
  { title: 'defaults, 2 threads', threads: 2, options: {} },
  { title: '1 thread', threads: 1, options: {} },
  {
    title: 'second thread bound to the second core',
    threads: 2,
    options: session({ intra_op_thread_affinities: '2' }),
  },
  { title: 'threads do not spin', threads: 2, options: session({ 'intra_op.allow_spinning': '0' }) },
  { title: 'arena on', threads: 2, options: arena(true) },
  { title: 'arena off', threads: 2, options: arena(false) },
  { title: 'the defaults again', threads: 2, options: {} },
];

const job: Job = {
  kind: 'train',
  student: '5.4M',
  teacher: null,
  threads: 2,
  seed: 0,
  learningRate: 1e-4,
  prompts: 4,
  samples: 8,
  promptLength: 128,
  listLength: 12,
  rows: 0,
  tableRows: 0,
  pass: 'training',
};

/** Idle time between runs: threads of the side before stop spinning. */
const PAUSE_MS = 250;

const { values } = parseArgs({ options: { turns: { type: 'string', default: '7' } } });

/** Sessions of a variant are made with its options, which no setting of ours has. */
const create = InferenceSession.create.bind(InferenceSession) as (
  bytes: Uint8Array,
  options: InferenceSession.SessionOptions,
) => Promise<InferenceSession>;
let current: InferenceSession.SessionOptions = {};
Object.assign(InferenceSession, {
  create: (bytes: Uint8Array, options: InferenceSession.SessionOptions) => create(bytes, { ...options, ...current }),
});

const { prompts } = batchOf(job, 4096);
const random = randomModel(job.student);
const sides: Side[] = [];
for (const { options, threads } of variants) {
  current = options;
  const model = { ...random, parameters: copyParameters(random.parameters) };
  const learner = await createSupervised(model, { adamw, threads });
  const decoder = createDecoder(random, { threads });
  const examples = prompts.map((row) => ({ prompt: row.subarray(0, 1), completion: row.subarray(1) }));
  const runs = {
    training: () => learner.step(examples, job.learningRate),
    decoding: () =>
      decoder.generate({
        prompts,
        samples: job.samples,
        temperature: 1,
        topK: 0,
        topP: 1,
        minP: 0,
        maxTokens: job.listLength,
        stopIds: [],
        key: (prompt, sample) => ['bench', prompt, sample],
      }),
  };
  await runs.training();
  await runs.decoding();
  sides.push({ runs, milliseconds: { training: [], decoding: [] } });
}

for (let turn = 0; turn < Number(values.turns); turn++) {
  for (const work of ['training', 'decoding'] as const) {
    for (const side of sides) {
      await delay(PAUSE_MS);
      const start = performance.now();
      await side.runs[work]();
      side.milliseconds[work].push(performance.now() - start);
    }
  }
}

const speed = ({ milliseconds }: Side, work: Work): string => {
  const { median, low, high } = speedups(milliseconds[work], sides[0].milliseconds[work]);
  return `${median.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;
};
console.log(
  formatTable(
    [
      { title: 'variant', align: 'left' },
      { title: 'training', align: 'right' },
      { title: 'decoding', align: 'right' },
    ],
    sides.map((side, i) => [variants[i].title, speed(side, 'training'), speed(side, 'decoding')]),
  ),
);
