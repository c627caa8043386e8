/** The judge of the settings: an endpoint, with its judgements kept in the store by content, so that no retry pays twice. */
import { ConfigError } from '../lib/errors.ts';
import type { Judge, Judgement } from '../lib/method/judge.ts';
import { createOpenAiJudge } from '../lib/method/openai-judge.ts';
import type { JudgeSettings } from '../lib/pipeline/policy-settings.ts';
import type { Artifacts } from '../lib/store/artifacts.ts';

/** Reads OPENAI_BASE_URL and OPENAI_API_KEY. Throws ConfigError. */
export function openJudge(
  settings: JudgeSettings,
  artifacts: Artifacts,
  env: Readonly<Record<string, string | undefined>>,
): Judge {
  const apiKey = env['OPENAI_API_KEY'];
  if (!apiKey) throw new ConfigError('teacher.judge.kind is openai, but OPENAI_API_KEY is not set');
  if (settings.model === '')
    throw new ConfigError('teacher.judge.kind is openai, but teacher.judge.model is empty: name the model');
  return createOpenAiJudge({
    baseUrl: env['OPENAI_BASE_URL'] || 'https://api.openai.com/v1',
    apiKey,
    model: settings.model,
    concurrency: settings.concurrency,
    requestsPerMinute: settings.requestsPerMinute,
    tokenBudget: settings.tokenBudget,
    cache: {
      get: async (key) => (await artifacts.getDocument(`judgements/${key}.json`)) as Judgement | null,
      set: async (key, judgement) => artifacts.putDocument(`judgements/${key}.json`, judgement),
    },
  });
}
