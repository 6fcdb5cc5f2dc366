// POST /v1/score: continuations of one prompt, and what the policy thinks of each.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { modelsViewSchema, policySchema, usageSchema } from './completion-response.ts';
import { integerField, MAX_INT32, modelField, strictField, wellFormed } from './fields.ts';
import { policyFields } from './policy-fields.ts';

export function scoreRequestSchema(limits: Limits) {
  const { maxN, maxPromptChars } = limits;
  return strictField({
    model: modelField(),
    prompt: textOrIds().meta({
      description: 'What the continuations have in common; it is run once.',
    }),
    continuations: z
      .array(textOrIds(), 'must be a list of texts or lists of token ids')
      .min(1, 'must have at least 1 continuation')
      .max(maxN, `must have at most ${maxN} continuations`)
      .meta({ description: "Their tokens follow the prompt's and are not merged with them." }),
    ...policyFields(limits),
  }).superRefine(({ prompt, continuations }, context) => {
    const length = [prompt, ...continuations].reduce((sum, text) => sum + text.length, 0);
    if (length <= maxPromptChars) return;
    const message = `must be, with the prompt, at most ${maxPromptChars} characters or token ids in all, not ${length}`;
    context.addIssue({ code: 'custom', path: ['continuations'], message });
  });
}

function textOrIds() {
  const rule = 'must be a text or a list of token ids, not empty';
  const text = wellFormed(z.string(rule).min(1, rule));
  return z.union([text, z.array(integerField(0, MAX_INT32)).min(1, rule)], rule);
}

export const scoreResponseSchema = z.object({
  id: z.string(),
  object: z.literal('list'),
  created: z.int().meta({ description: 'Seconds since the epoch.' }),
  model: z.string(),
  data: z.array(
    z.object({
      object: z.literal('score'),
      index: z.int(),
      logprob: z.number().meta({ description: "The sum of the tokens' log-probabilities." }),
      tokens: z.array(
        modelsViewSchema.extend({
          token: z.string(),
          token_id: z.int(),
          logprob: z.number().meta({ description: 'Under the combined policy.' }),
          kl: z.number().meta({
            description: 'KL divergence, in nats, of the combined policy from the behavior model.',
          }),
        }),
      ),
    }),
  ),
  usage: usageSchema,
  qsft: policySchema,
});

export type ScoreResponse = z.infer<typeof scoreResponseSchema>;
