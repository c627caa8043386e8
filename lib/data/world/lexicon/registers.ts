import type { Register } from './topic.ts';

/**
 * How a kind of news builds its titles and abstracts. Slots: `{c}` a clause, `{n}` a noun, `{N}` a noun with its entity
 * ("rolling blackouts along the Outer Banks"), `{t}` one of `tails`, `{k}` the key phrase, `{K}` key phrase and entity,
 * `{e}` the entity's name, `{al}` its alias, `{w}` who is asked, `{day}` the weekday of publication. Capitals at the
 * start of sentences are set afterwards.
 */
export interface Templates {
  clauseTitles: string[];
  nounTitles: string[];
  tails: string[];
  abstracts: string[];
}

export const registers: Record<Register, Templates> = {
  sport: {
    clauseTitles: ['{c}', '{c}', '{c} {t}', '{c} {t}', '{c}, sources say', 'report: {c}', '{c}: what it means'],
    nounTitles: [
      '{N}: five things to watch',
      'inside {N}',
      'the latest on {N}',
      'why {N} could decide the season',
      'film room: {N}',
      'power rankings weigh {N}',
      'mailbag: fans ask about {N}',
    ],
    tails: [
      'ahead of {day} kickoff',
      'after a tense week of practice',
      'as fans demand answers',
      'with the season on the line',
      'in a wild {day} night',
      'despite mounting doubts',
      'for the first time in a decade',
      'as the schedule tightens',
    ],
    abstracts: [
      '{c}. Beat writers covering {al} say {k} will dominate the week, with {n} close behind.',
      'With {n} in the headlines, {e} face new questions. Fans of {al} were still debating {k} on {day}.',
      '{K} moved to the front page on {day}: {c}. Around {al}, talk also turned to {n}.',
      'A former player breaks down {k} and what they mean for {e}. He expects {n} before long, and so do fans of {al}.',
      '{c}, and the locker room noticed. The story of {al} this month is {k}; {n} may be next.',
      'Our panel grades {e} on {k}. {c}, which leaves {al} with {n} to explain.',
    ],
  },
  business: {
    clauseTitles: ['{c}', '{c}', '{c} {t}', '{c} {t}', '{c}, filing shows', 'breaking: {c}', '{c}, analysts say'],
    nounTitles: [
      '{N}: what investors should know',
      'why {N} matters now',
      '{N} in five charts',
      'the real story behind {N}',
      'opinion: the market misreads {N}',
      'what comes next after {N}',
      'explainer: {N}',
    ],
    tails: [
      'as markets brace for a slowdown',
      'in early {day} trading',
      'while critics push back',
      'after months of speculation',
      'amid a shaky economy',
      'in a surprise turn',
      'as rates stay high',
      'despite warnings from economists',
    ],
    abstracts: [
      '{c}. Analysts who follow {al} had expected news of {k}, but {n} caught many off guard.',
      'Traders spent {day} weighing {k}. For {e} the question is now {n}; holders of {al} will want an answer soon.',
      '{K} returned to the spotlight: {c}. People familiar with {al} also pointed to {n}.',
      'What do {k} say about {e}? {c}, and one adviser told clients of {al} to prepare for {n}.',
      'Few stories moved faster on {day} than {n}. With {e} in view, experts on {al} call {k} the thing to watch.',
      '{c}, according to two people briefed on the matter. Coverage of {al} has centered on {k} for weeks.',
    ],
  },
  culture: {
    clauseTitles: [
      '{c}',
      '{c}',
      '{c} {t}',
      '{c} {t}',
      '{c}, and fans have thoughts',
      'exclusive: {c}',
      "it's official: {c}",
    ],
    nounTitles: [
      'everything we know about {N}',
      'inside {N}',
      '{N}, explained',
      'the internet reacts to {N}',
      'a complete timeline of {N}',
      'why everyone is talking about {N}',
      'watch: {N} in 60 seconds',
    ],
    tails: [
      'in a late {day} post',
      'after weeks of rumors',
      'and the reaction was instant',
      'as fans hold their breath',
      'to everyone’s surprise',
      'in a rare interview',
      'ahead of a busy weekend',
      'and critics are divided',
    ],
    abstracts: [
      '{c}. Followers of {al} had been waiting for {k} all month, and {n} only added to the buzz.',
      'The talk of {day} was {n}. Longtime fans of {e} say {k} will tell where {al} goes from here.',
      '{K} lit up feeds on {day}: {c}. Next for {al}, insiders hint, is {n}.',
      'From {n} to {k}, it has been a big week for {e}. Here is what {al} fans should catch up on.',
      '{c}, a source close to the story said. For {al}, {k} have rarely drawn this much attention.',
      'We look back at {k} and how they changed the way people see {e}. {c}, so do not expect talk of {al} to fade.',
    ],
  },
  public: {
    clauseTitles: ['{c}', '{c}', '{c} {t}', '{c} {t}', '{c}, officials say', 'live updates: {c}', 'breaking: {c}'],
    nounTitles: [
      'what to know about {N}',
      'in pictures: {N}',
      'five questions about {N}, answered',
      'how {N} could change daily life',
      'the latest on {N}',
      'editorial: {N} should worry us all',
      'fact check: claims about {N}',
    ],
    tails: [
      'as officials warn of more to come',
      'after a long {day} night',
      'as residents wait for answers',
      'amid growing questions',
      'for the second time this year',
      'and neighbors worry',
      'as emergency talks begin',
      'while critics call for action',
    ],
    abstracts: [
      '{c}. Authorities watching {al} said {k} remain the main concern, with {n} also reported.',
      'People near {al} woke on {day} to {n}. Officials in charge of {e} promised an update on {k} by evening.',
      '{K} drew a crowd of reporters on {day}: {c}. Locals who know {al} fear {n} will follow.',
      'How did it come to {n}? A look at {k} and the choices that brought {e} here. Those close to {al} have little patience left.',
      '{c}, the second such news in a week. For {al}, {k} are no longer a distant worry.',
      'Experts explain {k} in plain words. {c}; what {al} can expect next, they say, is {n}.',
    ],
  },
  living: {
    clauseTitles: ['{c}', '{c}', '{c} {t}', '{c} {t}', '{c}, experts say', 'new this week: {c}', '{c}. Here is why'],
    nounTitles: [
      '{N}: a beginner’s guide',
      'what the experts say about {N}',
      '{N}: 7 things worth knowing',
      'the truth about {N}',
      'we tried it: {N}',
      'ask a pro: {N}',
      '{N}, without the stress',
    ],
    tails: [
      'just in time for the holidays',
      'and it costs less than you think',
      'according to a new survey',
      'as demand keeps growing',
      'after years of debate',
      'and readers have questions',
      'with a few simple changes',
      'in a surprising reversal',
    ],
    abstracts: [
      '{c}. Readers who care about {al} ask us about {k} more than anything else; this time the answer is {n}.',
      'Thinking about {n}? Our guide to {e} covers {k}, common mistakes, and what fans of {al} wish they had known.',
      '{K} may be simpler than it sounds: {c}. We also look at {n} for anyone curious about {al}.',
      'A new survey of {k} puts {e} near the top of the list. {c}, and interest in {al} is likely to grow.',
      'From {n} to {k}, here is the week’s best advice on {e}. Keep it handy if {al} is on your mind.',
      '{c}, a finding that surprised even people who study {al}. What it says about {k} is worth a closer look.',
    ],
  },
  technology: {
    clauseTitles: ['{c}', '{c}', '{c} {t}', '{c} {t}', '{c}, study finds', 'report: {c}', '{c}, insiders say'],
    nounTitles: [
      '{N}: everything we know so far',
      'hands off the hype: {N}',
      '{N}, explained',
      'why {N} matters',
      'a closer look at {N}',
      'the numbers behind {N}',
      'Q&A: an engineer on {N}',
    ],
    tails: [
      'after years of work',
      'and the timing is no accident',
      'as rivals race to catch up',
      'in a closely watched test',
      'ahead of a {day} briefing',
      'despite early setbacks',
      'and experts are intrigued',
      'for the first time',
    ],
    abstracts: [
      '{c}. Specialists who follow {al} say {k} were only a matter of time, though {n} came sooner than expected.',
      'On {day} the focus shifted to {n}. What {k} mean for {e}, and why the people behind {al} are paying attention.',
      '{K} made news again: {c}. A team close to {al} is now preparing for {n}.',
      'We spent a week with {k}. The verdict on {e}: impressive, but {n} still divides those who know {al} well.',
      '{c}, according to documents seen on {day}. In the story of {al}, {k} have become the chapter everyone reads first.',
      'Is {n} the future? With {e}, the case for {k} looks stronger than ever, and {al} is the proof.',
    ],
  },
};
