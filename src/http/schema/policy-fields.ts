// The fields of this server's own: which policy decodes, who is served first, whose cache is shared.
import type { Limits } from '../limits.ts';
import {
  boundedTextField,
  choiceField,
  type Fields,
  integerField,
  MAX_INT32,
  numberField,
} from './fields.ts';

export type PolicyFields = Fields<typeof policyFields>;

export function policyFields(limits: Limits) {
  return {
    beta: numberField(0, limits.maxBeta).nullish().meta({
      description:
        "Weight of the value model: the policy is behavior · exp(beta · q). 0 is the behavior model. Left out: the policy's default.",
    }),
    extraction: choiceField(['kl', 'entropy', 'greedy', 'behavior']).nullish().meta({
      description:
        "How the two models become one policy: kl (behavior · exp(beta · q)), entropy (exp(beta · q)), greedy (the largest q) or behavior (the behavior model alone). Left out: the policy's default.",
    }),
    q: choiceField(['probability', 'ratio']).nullish().meta({
      description:
        "What beta multiplies: the value model's probability, as in the paper, or its ratio to the behavior model's. Left out: the policy's default.",
    }),
    priority: integerField(-MAX_INT32, MAX_INT32).nullish().meta({
      description:
        'Answers of a lower number get a slot first, of equal numbers the first to come. Those that have one keep it.',
      default: 0,
    }),
    cache_salt: boundedTextField(1, 1024).nullish().meta({
      description:
        'Only requests with the same salt reuse what each other left in the KV cache; left out, those without one.',
    }),
  };
}
