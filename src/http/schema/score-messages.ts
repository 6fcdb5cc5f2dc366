// POST /v1/score: continuations of one prompt, and what the policy thinks of each.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { listField, textOrListField } from './collections.ts';
import { modelsViewSchema, policySchema, usageSchema } from './completion-response.ts';
import { modelField, strictField, wellFormed } from './fields.ts';
import { policyFields } from './policy-fields.ts';
import { tokenIdsField } from './token-ids.ts';

export function scoreRequestSchema(limits: Limits) {
  const { maxN, maxPromptChars } = limits;
  return strictField({
    model: modelField(),
    prompt: textOrIds(limits).meta({
      description: 'What the continuations have in common; it is run once.',
    }),
    continuations: listField(textOrIds(limits), {
      min: 1,
      max: maxN,
      length: `must have 1 to ${maxN} continuations`,
      kind: 'must be a list of texts or lists of token ids',
    }).meta({ description: "Their tokens follow the prompt's and are not merged with them." }),
    ...policyFields(limits),
  }).superRefine(({ prompt, continuations }, context) => {
    const length = [prompt, ...continuations].reduce((sum, text) => sum + text.length, 0);
    if (length <= maxPromptChars) return;
    const message = `must be, with the prompt, at most ${maxPromptChars} characters or token ids in all, not ${length}`;
    context.addIssue({ code: 'custom', path: ['continuations'], message });
  });
}

function textOrIds({ maxPromptChars: max }: Limits) {
  const rule = `must be a text or a list of 1 to ${max} token ids, not empty`;
  const text = wellFormed(z.string(rule).min(1, rule));
  const ids = tokenIdsField({ min: 1, max, kind: rule });
  return textOrListField(text, ids, rule);
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
