/** The paper's claims (arXiv 2602.15005), written before anything is measured: in words, the paper's figure, and what is compared. */

/** A method's figure in an arm, times a weight (1 where none is given). */
export interface Term {
  arm: string;
  /** As in methodNames; `best_of_N` in the arm of that name, N in digits or `most`. */
  method: string;
  weight?: number;
}

export interface PaperClaim {
  /** Short, unique. */
  id: string;
  words: string;
  /** What the paper reports, or that it does not. */
  paper: string;
  /** The claim: `ours` (summed) is above `other` (summed), reader by reader, in Recall@10. */
  ours: readonly Term[];
  other: readonly Term[];
}

const teacher: Term = { arm: 'main', method: 'teacher' };
const student: Term = { arm: 'main', method: 'student' };
const main = (method: string): Term => ({ arm: 'main', method });
const teacherOf = (arm: string, weight = 1): Term => ({ arm, method: 'teacher', weight });
const bestOf = (n: number | 'most', weight = 1): Term => ({ arm: 'best_of', method: `best_of_${n}`, weight });

const above = (id: string, name: string, figure: string): PaperClaim => ({
  id: `teacher_above_${id}`,
  words: `The RL-trained teacher recalls more than ${name}`,
  paper: figure,
  ours: [teacher],
  other: [main(id)],
});

const needed = (reward: string, name: string, figure: string): PaperClaim => ({
  id: `needs_${reward}`,
  words: `Without the reward for ${name} recall falls`,
  paper: `.271 → ${figure}`,
  ours: [teacher],
  other: [teacherOf(`without_${reward}`)],
});

const notReported = 'no figure';

export const paperClaims: readonly PaperClaim[] = [
  above(
    'warmstart',
    'the same model before reinforcement learning (the paper: 32B from its prompt alone)',
    '.271 v .194',
  ),
  above('gru4rec', 'GRU', '.271 v .189'),
  above('sasrec', 'SASRec', '.271 v .206'),
  above('nrhub', 'NRHUB', '.271 v .212'),
  above('pinsage', 'PinSage', '.271 v .220'),
  above('hstu', 'HSTU', '.271 v .250'),
  above('popularity', 'popularity', notReported),
  above('signals_as_queries', 'every signal as a query', notReported),
  above('key_phrases', "every signal's key phrase as a query", notReported),
  above('key_phrases_equal', "signals' key phrases at the teacher's number of queries", notReported),
  {
    id: 'student_keeps',
    words: 'The distilled student keeps at least 90 % of the teacher’s recall',
    paper: '.261 of .271: 96 %',
    ours: [student],
    other: [{ ...teacher, weight: 0.9 }],
  },
  {
    id: 'on_policy_above_supervised',
    words: 'On-policy distillation recalls more than supervised distillation',
    paper: '.261 v .245',
    ours: [student],
    other: [main('supervised')],
  },
  {
    id: 'supervised_above_none',
    words: 'Supervised distillation recalls more than none',
    paper: '.245 v .187',
    ours: [main('supervised')],
    other: [main('undistilled')],
  },
  {
    id: 'on_policy_above_none',
    words: 'On-policy distillation recalls more than none',
    paper: '.261 v .187',
    ours: [student],
    other: [main('undistilled')],
  },
  needed('align', 'alignment', '.162'),
  needed('cov', 'coverage', '.115'),
  needed('spec', 'specificity', '.196'),
  needed('div', 'diversity', '.179'),
  needed('struct', 'structure', '.193'),
  {
    id: 'coverage_most',
    words: 'Without coverage recall falls more than without one of the others, on average',
    paper: '.115 v .183',
    ours: ['align', 'spec', 'div', 'struct'].map((reward) => teacherOf(`without_${reward}`, 1 / 4)),
    other: [teacherOf('without_cov')],
  },
  {
    id: 'size',
    words: 'The largest teacher recalls more than the smallest',
    paper: '.257 v .187 (32B, 0.5B)',
    ours: [teacherOf('size_xl')],
    other: [teacherOf('size_xs')],
  },
  {
    id: 'best_of',
    words: 'The best of the most lists by reward recalls more than one list',
    paper: '.310 v .271 (N = 32, 1)',
    ours: [bestOf('most')],
    other: [bestOf(1)],
  },
  {
    id: 'best_of_diminishes',
    words: 'From one list to two recall gains more than from two to the most',
    paper: '+.023 v +.016 (N = 32)',
    ours: [bestOf(2), bestOf(1, -1)],
    other: [bestOf('most'), bestOf(2, -1)],
  },
  {
    id: 'cleaning',
    words: 'Cleaned signals give a teacher that recalls more than signals as they came',
    paper: notReported,
    ours: [teacher],
    other: [teacherOf('uncleaned')],
  },
  {
    id: 'all_above_clicks',
    words: 'Searches and pages beside clicks raise recall',
    paper: notReported,
    ours: [teacher],
    other: [teacherOf('clicks_only')],
  },
  {
    id: 'searches_help',
    words: 'Searches beside pages and clicks raise recall',
    paper: notReported,
    ours: [teacher],
    other: [teacherOf('without_searches')],
  },
  {
    id: 'pages_help',
    words: 'Pages beside searches and clicks raise recall',
    paper: notReported,
    ours: [teacher],
    other: [teacherOf('without_pages')],
  },
];
