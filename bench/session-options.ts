/**
 * `node bench/session-options.ts [--turns 40]`: what threads, their affinity, spinning and the arena of ONNX Runtime do to one training step and
 * one round of decoding with the 5.4M model. All variants live in one process and run in short turns; the table has each one's speed as a
 * multiple of the defaults' (session.ts, computation.ts): median and quartiles of the turns' ratios, and the ratio of the fastest runs, which
 * on a busy machine come nearest to what a machine of its own would show.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { InferenceSession } from 'onnxruntime-node';
import { type Column, formatTable } from '../cli/table.ts';
import { createDecoder } from '../lib/tensor/decoder.ts';
import { createSupervised } from '../lib/tensor/learner.ts';
import { copyParameters } from '../lib/tensor/parameters.ts';
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
  prompts: 2,
  samples: 8,
  promptLength: 96,
  listLength: 8,
  rows: 0,
  tableRows: 0,
  frozen: false,
};

/** Idle time between runs: threads of the side before stop spinning. */
const PAUSE_MS = 50;

const { values } = parseArgs({ options: { turns: { type: 'string', default: '40' } } });

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

const cells = ({ milliseconds }: Side, work: Work): string[] => {
  const [own, base] = [milliseconds[work], sides[0].milliseconds[work]];
  const ratios = base.map((ms, turn) => ms / own[turn]).sort((a, b) => a - b);
  const at = (share: number): string => ratios[Math.floor(share * (ratios.length - 1))].toFixed(2);
  return [`${at(0.5)} (${at(0.25)}-${at(0.75)})`, (Math.min(...base) / Math.min(...own)).toFixed(2)];
};
console.log(
  formatTable(
    [
      { title: 'variant', align: 'left' },
      ...['training', 'fastest', 'decoding', 'fastest'].map((title): Column => ({ title, align: 'right' })),
    ],
    sides.map((side, i) => [variants[i].title, ...cells(side, 'training'), ...cells(side, 'decoding')]),
  ),
);
