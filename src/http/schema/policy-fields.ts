// The fields of this server's own: which policy decodes, who is served first, whose cache is shared.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import {
  booleanField,
  boundedTextField,
  choiceField,
  type Fields,
  integerField,
  MAX_INT32,
  numberField,
  positiveField,
  strictField,
} from './fields.ts';

export type PolicyFields = Fields<typeof policyFields>;

export type QsftFields = NonNullable<z.infer<ReturnType<typeof qsftField>>>;

/** What of the policy a request may choose. */
function choiceFields(limits: Limits) {
  const weight = numberField(0, limits.maxBeta);
  const rule = `must be a number from 0 to ${limits.maxBeta} or an object of two, start and end`;
  const schedule = strictField({ start: weight, end: weight });
  return {
    beta: z.union([weight, schedule], rule).nullish().meta({
      description:
        "Weight of the value model: the policy is behavior · exp(beta · q). 0 is the behavior model. An object makes it a line over the answer, from `start` at the first token to `end` at the last of `max_tokens`. Left out: the policy's default.",
    }),
    extraction: choiceField(['kl', 'entropy', 'greedy', 'behavior']).nullish().meta({
      description:
        "How the two models become one policy: kl (behavior · exp(beta · q)), entropy (exp(beta · q)), greedy (the largest q) or behavior (the behavior model alone). Left out: the policy's default.",
    }),
    q: choiceField(['probability', 'ratio']).nullish().meta({
      description:
        "What beta multiplies: the value model's probability, as in the paper, or its ratio to the behavior model's. Left out: the policy's default.",
    }),
  };
}

export function qsftField(limits: Limits) {
  return strictField({
    ...choiceFields(limits),
    details: booleanField().nullish().meta({
      description:
        'Report with each token and alternative what the two models say of it, and the KL divergence from the behavior model; `logprobs` is 0 where it is left out.',
      default: false,
    }),
  }).nullish();
}

export function policyFields(limits: Limits) {
  return {
    ...choiceFields(limits),
    qsft: qsftField(limits).meta({
      description:
        'The same controls in one object, and `details`. Clients that can send no fields of their own write them behind the name of the model: `wordle@beta=8,extraction=entropy`.',
    }),
    priority: integerField(-MAX_INT32, MAX_INT32).nullish().meta({
      description:
        'Of the answers asked for with one key, those of a lower number get a slot first, of equal numbers the first to come; keys take turns. Those that have one keep it.',
      default: 0,
    }),
    timeout: positiveField(limits.maxRequestSeconds).nullish().meta({
      description:
        'Seconds the request may take, its time in the queue included; then it ends with the error deadline_exceeded. The header `x-request-timeout` says the same; the lower of both counts.',
    }),
    cache_salt: boundedTextField(1, 1024).nullish().meta({
      description:
        'Only requests with the same salt reuse what each other left in the KV cache; left out, those without one.',
    }),
  };
}
