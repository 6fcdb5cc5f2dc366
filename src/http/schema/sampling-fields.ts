// How a request's tokens are drawn, in the order in which the fields act, and which tokens end an answer.
import { z } from 'zod';
import {
  booleanField,
  type Fields,
  integerField,
  MAX_INT32,
  numberField,
  positiveField,
} from './fields.ts';

const MAX_BIASED_TOKENS = 1024;
const MAX_STOP_TOKENS = 1024;
const MAX_REPETITION_PENALTY = 100;
const TOKEN_ID = /^(0|[1-9][0-9]{0,9})$/;

export type SamplingFields = Fields<typeof samplingFields>;

export function samplingFields() {
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
    logit_bias: logitBiasField().nullish().meta({
      description: 'Added to the log-probabilities of tokens, by token id.',
    }),
    min_tokens: integerField(0, MAX_INT32).nullish().meta({
      description:
        'Until the answer has so many tokens, none is drawn that would end it: no end of sequence and none of `stop_token_ids`. Stop strings end it all the same.',
      default: 0,
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
    stop_token_ids: z
      .array(integerField(0, MAX_INT32), 'must be a list of token ids')
      .max(MAX_STOP_TOKENS, `must have at most ${MAX_STOP_TOKENS} token ids`)
      .nullish()
      .meta({ description: 'Tokens that end an answer; they are no part of it.' }),
    ignore_eos: booleanField().nullish().meta({
      description:
        "The policy's end-of-sequence tokens do not end an answer: they count as tokens like others, and have no text.",
      default: false,
    }),
  };
}

function logitBiasField() {
  return z
    .record(z.string(), numberField(-100, 100), 'must be an object')
    .superRefine((biases, context) => {
      const keys = Object.keys(biases);
      const wrong = keys.find((key) => !TOKEN_ID.test(key));
      if (wrong !== undefined) {
        const shown = JSON.stringify(wrong.slice(0, 60));
        context.addIssue({ code: 'custom', message: `must have token ids as keys, not ${shown}` });
      }
      if (keys.length > MAX_BIASED_TOKENS) {
        const message = `must have at most ${MAX_BIASED_TOKENS} tokens, not ${keys.length}`;
        context.addIssue({ code: 'custom', message });
      }
    });
}
