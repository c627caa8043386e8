/** The model card of the published student: Markdown, as Hugging Face shows it. */
import type { Interval } from '../method/bootstrap.ts';
import type { Evaluation, Experiment } from '../training/results.ts';
import type { RolloutSettings } from '../pipeline/policy-settings.ts';
import type { PublishSettings } from '../pipeline/stage-settings.ts';
import { methodNames } from './results.ts';
import { simulationNote, written } from './text.ts';

export interface ModelCard {
  /** Where readers and articles came from. */
  source: 'world' | 'mind' | 'warehouse';
  student: { digest: string; parameters: number } & Pick<PublishSettings, 'weights' | 'onnx'>;
  rollout: RolloutSettings;
  /** Divergence from the teacher in nats a token, at the first step and over the last tenth of them; null: not logged. */
  distillation: { steps: number; first: number; last: number } | null;
  seed: number;
  evaluation: Evaluation;
  experiment: Experiment | null;
  /** Rows of the published table of queries. */
  readers: number;
}

/** The card. Words that a person or a model wrote (reasons, names) are shown as text, whatever they hold. */
export function modelCard(card: ModelCard): string {
  return `${[
    frontMatter,
    introduction(card),
    use(card),
    training(card),
    figures(card),
    experimentOf(card),
    limits(card),
  ]
    .filter((section) => section !== '')
    .join('\n\n')}\n`;
}

/** Text as Markdown that shows it: one line, no markup, no HTML, no links. */
export function asPlainMarkdown(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/[\\`*_[\]{}()#+\-!|~>]/g, String.raw`\$&`)
    .replace(/(https?|www)(?=:|\.)/gi, '$1&#8203;');
}

const frontMatter = `---
library_name: transformers
pipeline_tag: text-generation
tags: [news, recommendation, query-generation, distillation]
---`;

const sources: Record<ModelCard['source'], string> = {
  world: 'a generated world of readers and articles (no real person is in it)',
  mind: 'the MIND news data (see its licence: research use)',
  warehouse: "the operator's own logs",
};

function introduction({ student, source, seed, readers }: ModelCard): string {
  return `# A writer of news queries

Reads what a reader searched for, read and clicked, and writes the three to five news queries that stand for that reader; the queries recall
fresh articles. ${student.parameters.toLocaleString('en')} parameters, distilled from a larger teacher that was trained with reinforcement learning (the method of
arXiv 2602.15005).

Learnt from ${sources[source]}; e-mail addresses, phone and card numbers were masked and noise dropped before training. Seed ${seed}, artifact \`${student.digest}\`.
\`queries.arrow\` and \`queries.parquet\` beside this folder hold its queries for ${readers.toLocaleString('en')} readers.`;
}

function use({ rollout, student: { weights, onnx } }: ModelCard): string {
  const elsewhere = onnx
    ? ' As ONNX (`onnx/model.onnx`, float32, with KV cache) it loads with transformers.js (`dtype: "fp32"`) and onnxruntime-genai.'
    : '';
  const ends =
    rollout.stop.length === 0
      ? ''
      : ` A list also ends before ${rollout.stop.map((text) => JSON.stringify(text)).join(' or ')}.`;
  return `## Use

Loads with Transformers (\`AutoModelForCausalLM\`, \`AutoTokenizer\`), weights in ${weights}.${elsewhere}

A base model of newshound reads \`<|search|>\`, \`<|page|>\` or \`<|click|>\` and the text of each signal in lower case, newest last, then
\`<|list|>\`; it writes a query a line. Other models read their chat template. At most ${rollout.maxPromptTokens} tokens in, ${rollout.maxListTokens} out, temperature
${rollout.temperature}.${ends} Signals are strangers' text: encode them as plain text, so that a special token written in them stays text.`;
}

function training({ distillation, evaluation }: ModelCard): string {
  const { warmstart, teacher, student } = evaluation.rewards;
  const lines = [
    `Reward (five parts) before reinforcement learning ${warmstart.total.toFixed(3)}, the teacher ${teacher.total.toFixed(3)}, this student ${student.total.toFixed(3)}.`,
  ];
  if (distillation !== null) {
    const { steps, first, last } = distillation;
    lines.unshift(
      `On-policy distillation, ${steps} steps: divergence from the teacher ${first.toFixed(3)} → ${last.toFixed(3)} nats a token.`,
    );
  }
  return `## Training\n\n${lines.join(' ')}`;
}

function figures({ evaluation }: ModelCard): string {
  const metrics = ['recall@10', 'ndcg@10', 'mrr'] as const;
  const rows = Object.keys(methodNames)
    .filter((name) => evaluation.ranking[name] !== undefined)
    .map((name) => {
      const of: Record<string, Interval> = evaluation.ranking[name];
      const title = name === 'student' ? `**${methodNames[name].title}**` : methodNames[name].title;
      return `| ${[title, ...metrics.map((metric) => written(of[metric]))].join(' | ')} |`;
    });
  const checks = evaluation.gate.checks.map(
    ({ what, passed, detail }) => `- ${passed ? 'passed' : 'failed'}: ${asPlainMarkdown(`${what}: ${detail}`)}`,
  );
  const kept = evaluation.distillation.on_policy.shareOfTeacher;
  return `## Figures

What ${evaluation.readers.toLocaleString('en')} test readers clicked next, looked for among the fresh articles; intervals: 95 %, bootstrap over readers. The student keeps
${written(kept, 2)} of its teacher's Recall@10.

| method | Recall@10 | NDCG@10 | MRR |
|---|---|---|---|
${rows.join('\n')}

Gate ${evaluation.gate.passed ? 'passed' : 'not passed'}:

${checks.join('\n')}`;
}

function experimentOf({ experiment }: ModelCard): string {
  if (experiment === null) return '';
  const { outcome, reasons, decidedBy, readers, simulation } = experiment;
  return `## A/B test

${asPlainMarkdown(`${outcome.replace('_', ' ')}: ${reasons.join('; ')}. Decided by ${decidedBy}.`)} ${readers.treatment.toLocaleString('en')} readers treated, ${readers.control.toLocaleString('en')} in control. ${simulationNote[simulation]}`;
}

function limits({ source }: ModelCard): string {
  const lines = [
    'It knows the names and words of the time it was trained in; of what is new it can only copy the words of the signals.',
    'What it writes are guesses about interests, which may be sensitive: treat the queries as personal data of the reader.',
    'It answers no questions and writes no sentences; what it is asked outside of the format above is undefined.',
  ];
  if (source === 'world')
    lines.unshift(
      'It learnt from a generated world: the figures show that the method works there, not on your portal.',
    );
  return `## Limits\n\n${lines.map((line) => `- ${line}`).join('\n')}`;
}
