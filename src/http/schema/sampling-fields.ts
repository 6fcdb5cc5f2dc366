// How a request's tokens are drawn, in the order in which the fields act, and which tokens end an answer.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { listField, mapField } from './collections.ts';
import {
  booleanField,
  boundedTextField,
  type Fields,
  integerField,
  MAX_INT32,
  numberField,
  positiveField,
} from './fields.ts';
import { tokenIdsField } from './token-ids.ts';

const MAX_REPETITION_PENALTY = 100;
const TOKEN_ID = /^(0|[1-9][0-9]{0,9})$/;

export type SamplingFields = Fields<typeof samplingFields>;

export function samplingFields(limits: Limits) {
  return {
    repetition_penalty: positiveField(MAX_REPETITION_PENALTY).nullish().meta({
      description:
        "Multiplies the combined policy's log-probability of every token of the prompt and the answer so far: above 1 they become less probable, below 1 more.",
      default: 1,
    }),
    presence_penalty: numberField(-2, 2).nullish().meta({
      description: 'Subtracted from the log-probability of every token of the answer so far.',
      default: 0,
    }),
    frequency_penalty: numberField(-2, 2).nullish().meta({
      description:
        'Subtracted from the log-probability of a token once for each time it is in the answer so far.',
      default: 0,
    }),
    logit_bias: logitBiasField(limits).nullish().meta({
      description: 'Added to the log-probabilities of tokens, by token id.',
    }),
    min_tokens: integerField(0, MAX_INT32).nullish().meta({
      description:
        'Until the answer has so many tokens, none is drawn that would end it: no end of sequence and none of `stop_token_ids`. Stop strings end it all the same.',
      default: 0,
    }),
    allowed_token_ids: idsField(limits, 1).nullish().meta({
      description:
        "Only these are drawn; an end of sequence that is not among them is not. Left out: all of the policy's.",
    }),
    bad_words: badWordsField(limits).nullish().meta({
      description:
        'Texts that an answer must not have, as the tokens that spell them, with and without a space before: their last token is not drawn behind the others, unless no other is left.',
    }),
    use_beam_search: z.literal(false, 'must be false: there is no beam search').nullish().meta({
      description: 'Not supported: only false.',
    }),
    temperature: numberField(0, 2).nullish().meta({
      description: 'Divides the log-probabilities; 0 takes the most probable token.',
      default: 1,
    }),
    top_k: integerField(-1, MAX_INT32).nullish().meta({
      description: 'Sample from the k most probable tokens; 0 and -1 keep all.',
      default: 0,
    }),
    top_p: positiveField(1).nullish().meta({
      description: 'Sample from the smallest set of tokens whose probability reaches this.',
      default: 1,
    }),
    min_p: numberField(0, 1).nullish().meta({
      description:
        'Sample from the tokens that are at least this share as probable as the most probable one.',
      default: 0,
    }),
    stop_token_ids: idsField(limits)
      .nullish()
      .meta({ description: 'Tokens that end an answer; they are no part of it.' }),
    include_stop_str_in_output: booleanField().nullish().meta({
      description: 'The stop string or stop token that ended an answer is part of its text.',
      default: false,
    }),
    skip_special_tokens: booleanField().nullish().meta({
      description: 'Special tokens have no text; false writes their names.',
      default: true,
    }),
    ignore_eos: booleanField().nullish().meta({
      description:
        "The policy's end-of-sequence tokens do not end an answer: they count as tokens like others, and have no text.",
      default: false,
    }),
  };
}

function idsField({ maxTokenIds }: Limits, min = 0) {
  return tokenIdsField({
    min,
    max: maxTokenIds,
    length:
      min === 0
        ? `must have at most ${maxTokenIds} token ids`
        : `must have ${min} to ${maxTokenIds} token ids`,
    kind: 'must be a list of token ids',
  });
}

function badWordsField({ maxTokenIds, maxStopChars }: Limits) {
  return listField(boundedTextField(1, maxStopChars), {
    max: maxTokenIds,
    length: `must have at most ${maxTokenIds} strings`,
    kind: 'must be a list of strings',
  });
}

function logitBiasField({ maxTokenIds }: Limits) {
  return mapField(z.string(), numberField(-100, 100), {
    max: maxTokenIds,
    entries: 'tokens',
    kind: 'must be an object',
  })
    .meta({ propertyNames: { type: 'string', pattern: TOKEN_ID.source } })
    .superRefine((biases, context) => {
      const wrong = Object.keys(biases).find((key) => !TOKEN_ID.test(key));
      if (wrong === undefined) return;
      const shown = JSON.stringify(wrong.slice(0, 60));
      context.addIssue({ code: 'custom', message: `must have token ids as keys, not ${shown}` });
    });
}
