// From the fields that every generating route takes, in the wire's words, to the generation request's.
import { cacheScope } from './cache-scope.ts';
import type { Limits } from './limits.ts';
import { choosePolicy } from './policy-choice.ts';
import type { AnswerFields } from './schema/answer-fields.ts';
import type { PolicyFields } from './schema/policy-fields.ts';
import type { SamplingFields } from './schema/sampling-fields.ts';

/** `caller` is the name of the key that the request came with; null where none was asked for. */
export function toPolicy(
  body: PolicyFields & { model: string },
  limits: Limits,
  caller: string | null,
) {
  return {
    ...choosePolicy(body, limits),
    caller,
    priority: body.priority ?? 0,
    cacheScope: cacheScope(caller, body.cache_salt ?? null),
  };
}

export function toSampling(body: SamplingFields & Pick<AnswerFields, 'seed'>) {
  return {
    presencePenalty: body.presence_penalty ?? 0,
    frequencyPenalty: body.frequency_penalty ?? 0,
    repetitionPenalty: body.repetition_penalty ?? 1,
    logitBias: Object.entries(body.logit_bias ?? {}).map(
      ([id, bias]) => [Number(id), bias] as const,
    ),
    temperature: body.temperature ?? 1,
    topK: Math.max(0, body.top_k ?? 0),
    topP: body.top_p ?? 1,
    minP: body.min_p ?? 0,
    allowedTokenIds: body.allowed_token_ids ?? null,
    bannedWords: body.bad_words ?? [],
    seed: body.seed ?? null,
  };
}

export function toEnding(body: SamplingFields & Pick<AnswerFields, 'stop'>) {
  return {
    minTokens: body.min_tokens ?? 0,
    stopStrings: typeof body.stop === 'string' ? [body.stop] : (body.stop ?? []),
    stopTokenIds: body.stop_token_ids ?? [],
    ignoreEos: body.ignore_eos ?? false,
    includeStop: body.include_stop_str_in_output ?? false,
    skipSpecialTokens: body.skip_special_tokens ?? true,
  };
}
