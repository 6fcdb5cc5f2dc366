// What a request says of its prompt's and its answers' tokens, as vLLM has it for completions and chats.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { booleanField, type Fields, integerField } from './fields.ts';

const TRUNCATION = 'must be -1 or an integer above 0';

export type TokenFields = Fields<typeof tokenFields>;

export function tokenFields(limits: Limits) {
  return {
    prompt_logprobs: integerField(0, limits.maxLogprobs).nullish().meta({
      description:
        "Report the log-probability of each of the prompt's tokens, and of this many alternatives, by token id. Not with `stream`.",
    }),
    return_token_ids: booleanField().nullish().meta({
      description:
        'Report the ids of the tokens of each answer, the one that ended it included, and of its prompt.',
      default: false,
    }),
    return_tokens_as_token_ids: booleanField().nullish().meta({
      description:
        'Name tokens by their ids, as `token_id:17`, wherever log-probabilities name them by their text.',
      default: false,
    }),
    truncate_prompt_tokens: z
      .union([z.literal(-1), z.int(TRUNCATION).min(1, TRUNCATION)], TRUNCATION)
      .nullish()
      .meta({
        description:
          'Keep only so many of the last tokens of each prompt; -1 keeps as many as leave room for the tokens that an answer may have.',
      }),
  };
}
