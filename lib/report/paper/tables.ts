/** The paper's tables: which arms and methods stand in each, with the figures that the paper has for them. */
import { methodNames } from '../results.ts';
import type { TableName, TableRow } from './figures.ts';

export interface TableSpec {
  title: string;
  arm: string;
  method: string;
  paper: TableRow['paper'];
}

const of = (
  title: string,
  arm: string,
  method: string,
  [recall10, ndcg10]: readonly [number?, number?] = [],
): TableSpec => ({
  title,
  arm,
  method,
  paper: {
    ...(recall10 === undefined ? {} : { 'recall@10': recall10 }),
    ...(ndcg10 === undefined ? {} : { 'ndcg@10': ndcg10 }),
  },
});

/** Recall@5, Recall@10, NDCG@5, NDCG@10, MRR of the paper's main table. */
const reported: Record<string, readonly [number, number, number, number, number]> = {
  gru4rec: [0.144, 0.189, 0.129, 0.159, 0.117],
  sasrec: [0.158, 0.206, 0.141, 0.173, 0.129],
  nrhub: [0.162, 0.212, 0.145, 0.178, 0.133],
  pinsage: [0.168, 0.22, 0.149, 0.184, 0.138],
  hstu: [0.216, 0.25, 0.194, 0.228, 0.184],
  warmstart: [0.153, 0.194, 0.139, 0.188, 0.147],
  teacher: [0.257, 0.271, 0.209, 0.241, 0.199],
  student: [0.233, 0.261, 0.196, 0.235, 0.18],
};

/** Arms whose teachers differ in size: main's and those that start from another base model, the smallest first. `parameters`: of each arm's teacher. */
export function sizeArms(parameters: Readonly<Record<string, number>>): string[] {
  return Object.keys(parameters)
    .filter((arm) => arm === 'main' || arm.startsWith('size_'))
    .sort((a, b) => parameters[a] - parameters[b]);
}

/** Rows of methods that were not measured are left out of a table. `counts`: the N that were tried. */
export function tableSpecs(
  parameters: Readonly<Record<string, number>>,
  counts: readonly number[],
): Record<TableName, TableSpec[]> {
  const bestOf: Record<number, readonly [number, number]> = {
    1: [0.271, 0.241],
    2: [0.294, 0.267],
    4: [0.301, 0.274],
    8: [0.305, 0.277],
    16: [0.307, 0.279],
    32: [0.31, 0.281],
  };
  return {
    main: Object.entries(methodNames).map(([method, { title }]) => {
      const [recall5, recall10, ndcg5, ndcg10, mrr] = reported[method] ?? [];
      const paper =
        recall5 === undefined
          ? {}
          : { 'recall@5': recall5, 'recall@10': recall10, 'ndcg@5': ndcg5, 'ndcg@10': ndcg10, mrr };
      return { title, arm: 'main', method, paper };
    }),
    distillation: [
      of('Teacher', 'main', 'teacher', [0.271, 0.241]),
      of('Supervised', 'main', 'supervised', [0.245, 0.207]),
      of('On-policy, reverse KL', 'main', 'student', [0.261, 0.235]),
      of('On-policy, forward KL', 'forward_kl', 'student'),
      of('On-policy, Jensen-Shannon divergence', 'jsd', 'student'),
      of('No teacher: its base after learning', 'size_s', 'teacher'),
      of('None', 'main', 'undistilled', [0.187, 0.179]),
    ],
    rewards: [
      of('All five', 'main', 'teacher', [0.271, 0.241]),
      of('Without alignment', 'without_align', 'teacher', [0.162, 0.141]),
      of('Without coverage', 'without_cov', 'teacher', [0.115, 0.093]),
      of('Without specificity', 'without_spec', 'teacher', [0.196, 0.184]),
      of('Without diversity', 'without_div', 'teacher', [0.179, 0.144]),
      of('Without structure', 'without_struct', 'teacher', [0.193, 0.184]),
    ],
    capacity: sizeArms(parameters).map((arm) => {
      const name = arm === 'main' ? 'The teacher' : arm.replace('size_', 'base-');
      return of(`${name}, ${(parameters[arm] / 1e6).toFixed(2)} M parameters`, arm, 'teacher');
    }),
    best_of: counts.map((n) => of(`N = ${n}`, 'best_of', `best_of_${n}`, bestOf[n])),
    cleaning: [of('Cleaned signals', 'main', 'teacher'), of('Signals as they came', 'uncleaned', 'teacher')],
    products: [
      of('Searches, pages and clicks', 'main', 'teacher'),
      of('Without pages', 'without_pages', 'teacher'),
      of('Without searches', 'without_searches', 'teacher'),
      of('Clicks alone', 'clicks_only', 'teacher'),
    ],
  };
}
