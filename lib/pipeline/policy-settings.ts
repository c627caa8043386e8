/** Settings of how a policy writes lists and how they are rewarded: parts of the teacher's section, which other stages read too. */
import { z } from 'zod';

const positive = z.number().int().positive();

export const rolloutSettings = z.strictObject({
  temperature: z.number().positive().default(0.4),
  topK: z.number().int().min(0).default(0),
  topP: z.number().gt(0).max(1).default(1),
  minP: z.number().min(0).lt(1).default(0),
  constrained: z
    .boolean()
    .default(false)
    .describe('only tokens that keep the list format may be sampled: 3 to 5 lines of 1 to 7 words'),
  stop: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "strings that end a list and are no part of it, besides the model's end token: for a model that talks on",
    ),
  maxPromptTokens: positive.default(192),
  maxListTokens: positive.default(48).describe('L: also the constant divisor of the loss'),
});

export const judgeSettings = z.strictObject({
  kind: z
    .enum(['local', 'openai'])
    .default('local')
    .describe(
      'who scores coverage and specificity; local: the rule of lib/method/rubric.ts; openai: a language model behind an OpenAI-compatible API',
    ),
  model: z
    .string()
    .default('')
    .describe('openai: model name; address and key come from OPENAI_BASE_URL, OPENAI_API_KEY'),
  concurrency: positive.default(8).describe('openai: requests at the same time'),
  requestsPerMinute: positive.default(600).describe('openai'),
  tokenBudget: positive
    .default(5_000_000)
    .describe('openai: tokens of a process, beyond which it asks no more and the run stops'),
  canaryMargin: z.number().min(0).default(0.05).describe('an honest list must beat each degenerate one by this'),
});

export const rewardWeights = z.strictObject({
  align: z.number().default(1),
  cov: z.number().default(1),
  spec: z.number().default(1),
  div: z.number().default(1),
  struct: z.number().default(1),
});

export type RolloutSettings = z.infer<typeof rolloutSettings>;
export type JudgeSettings = z.infer<typeof judgeSettings>;
export type RewardWeights = z.infer<typeof rewardWeights>;
