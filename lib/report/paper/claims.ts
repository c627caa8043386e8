/**
 * The paper's claims (arXiv 2602.15005): in words, the paper's figures, and what is compared. On worlds of `exploredWorlds` they were
 * measured again and again while the method, the base models and this list were still changed: other worlds tell whether they hold.
 */

/** What a claim means at least: this part of the paper's relative difference. Less would not be what the paper reports. */
const LEAST_PART = 1 / 4;

/** Worlds whose test readers were looked at while anything was still changed: the pages before, and the one that settings are tried on. */
export const exploredWorlds = [2026, 2027, 2028, 2029, 2030, 2031, 77];

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
  /** The least difference that is claimed, as a share of `ours`. */
  least?: number;
  /** The claim: `ours` (summed) is above `other` (summed), reader by reader, in Recall@10. */
  ours: readonly Term[];
  other: readonly Term[];
}

const teacher: Term = { arm: 'main', method: 'teacher' };
const student: Term = { arm: 'main', method: 'student' };
const main = (method: string): Term => ({ arm: 'main', method });
const teacherOf = (arm: string, weight = 1): Term => ({ arm, method: 'teacher', weight });
const bestOf = (n: number | 'most', weight = 1): Term => ({ arm: 'best_of', method: `best_of_${n}`, weight });

/** The paper's recall of both sides. */
const reported = (ours: number, other: number, of = ''): Pick<PaperClaim, 'paper' | 'least'> => ({
  paper: `${[ours, other].map((recall) => recall.toFixed(3).slice(1)).join(' v ')}${of}`,
  least: (LEAST_PART * (ours - other)) / ours,
});

const notReported: Pick<PaperClaim, 'paper'> = { paper: 'no figure' };

const above = (id: string, name: string, figures: Pick<PaperClaim, 'paper' | 'least'>): PaperClaim => ({
  id: `teacher_above_${id}`,
  words: `The RL-trained teacher recalls more than ${name}`,
  ...figures,
  ours: [teacher],
  other: [main(id)],
});

const needed = (reward: string, name: string, without: number): PaperClaim => ({
  id: `needs_${reward}`,
  words: `Without the reward for ${name} recall falls`,
  ...reported(0.271, without),
  ours: [teacher],
  other: [teacherOf(`without_${reward}`)],
});

export const paperClaims: readonly PaperClaim[] = [
  above(
    'warmstart',
    'the same model before reinforcement learning (the paper: 32B from its prompt alone)',
    reported(0.271, 0.194),
  ),
  above('gru4rec', 'GRU', reported(0.271, 0.189)),
  above('sasrec', 'SASRec', reported(0.271, 0.206)),
  above('nrhub', 'NRHUB', reported(0.271, 0.212)),
  above('pinsage', 'PinSage', reported(0.271, 0.22)),
  above('hstu', 'HSTU', reported(0.271, 0.25)),
  above('popularity', 'popularity in hindsight, which knows what the other test readers click', notReported),
  above('last_click', 'the articles like the last click', notReported),
  above('mean_signals', 'the mean of the signals', notReported),
  above('signals_as_queries', 'every signal as a query', notReported),
  above('key_phrases', "every signal's key phrase as a query", notReported),
  above('key_phrases_equal', "signals' key phrases at the teacher's number of queries", notReported),
  above('cluster_centroids', 'the centroids of the 3 largest groups of signals', notReported),
  {
    id: 'baseline_above_warmstart',
    words: 'HSTU, the strongest baseline of the paper, recalls more than the model before reinforcement learning',
    ...reported(0.25, 0.194),
    ours: [main('hstu')],
    other: [main('warmstart')],
  },
  {
    id: 'student_above_baseline',
    words: 'The distilled student recalls more than HSTU',
    ...reported(0.261, 0.25),
    ours: [student],
    other: [main('hstu')],
  },
  {
    id: 'student_above_centroids',
    words: 'The distilled student recalls more than the centroids of the 3 largest groups of signals',
    ...notReported,
    ours: [student],
    other: [main('cluster_centroids')],
  },
  {
    id: 'student_above_trained_alone',
    words: 'The distilled student recalls more than its own base model after reinforcement learning, without a teacher',
    ...notReported,
    ours: [student],
    other: [teacherOf('size_s')],
  },
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
    ...reported(0.261, 0.245),
    ours: [student],
    other: [main('supervised')],
  },
  {
    id: 'supervised_above_none',
    words: 'Supervised distillation recalls more than none',
    ...reported(0.245, 0.187),
    ours: [main('supervised')],
    other: [main('undistilled')],
  },
  {
    id: 'on_policy_above_none',
    words: 'On-policy distillation recalls more than none',
    ...reported(0.261, 0.187),
    ours: [student],
    other: [main('undistilled')],
  },
  needed('align', 'alignment', 0.162),
  needed('cov', 'coverage', 0.115),
  needed('spec', 'specificity', 0.196),
  needed('div', 'diversity', 0.179),
  needed('struct', 'structure', 0.193),
  {
    id: 'coverage_most',
    words: 'Without coverage recall falls more than without one of the others, on average',
    ...reported(0.183, 0.115, ' (mean of the others, without coverage)'),
    ours: ['align', 'spec', 'div', 'struct'].map((reward) => teacherOf(`without_${reward}`, 1 / 4)),
    other: [teacherOf('without_cov')],
  },
  {
    id: 'size',
    words: 'The largest teacher recalls more than the smallest',
    ...reported(0.257, 0.187, ' (32B, 0.5B)'),
    ours: [teacherOf('size_xl')],
    other: [teacherOf('size_xs')],
  },
  {
    id: 'best_of',
    words: 'The best of the most lists by reward recalls more than one list',
    ...reported(0.31, 0.271, ' (N = 32, 1)'),
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
    ...notReported,
    ours: [teacher],
    other: [teacherOf('uncleaned')],
  },
  {
    id: 'all_above_clicks',
    words: 'Searches and pages beside clicks raise recall',
    ...notReported,
    ours: [teacher],
    other: [teacherOf('clicks_only')],
  },
  {
    id: 'searches_help',
    words: 'Searches beside pages and clicks raise recall',
    ...notReported,
    ours: [teacher],
    other: [teacherOf('without_searches')],
  },
  {
    id: 'pages_help',
    words: 'Pages beside searches and clicks raise recall',
    ...notReported,
    ours: [teacher],
    other: [teacherOf('without_pages')],
  },
];
