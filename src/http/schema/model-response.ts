// What GET /v1/models answers with.
import { z } from 'zod';

export const modelSchema = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z
    .int()
    .meta({ description: 'Seconds since the epoch at which the policy was exported.' }),
  owned_by: z.string(),
  root: z.string().meta({ description: 'Its own id, where `id` is an alias.' }),
  state: z.enum(['loaded', 'loading', 'unloaded', 'failed']).meta({
    description: 'A policy that is not loaded is loaded by the first request for it.',
  }),
  max_model_len: z.int().meta({ description: 'Prompt and answer together, in tokens.' }),
  qsft: z
    .object({
      extraction: z.enum(['kl', 'entropy', 'greedy', 'behavior']),
      beta: z.number(),
      q: z.enum(['probability', 'ratio']),
    })
    .meta({ description: 'What a request gets that does not say.' }),
});

export const modelListSchema = z.object({
  object: z.literal('list'),
  data: z.array(modelSchema),
});

export type Model = z.infer<typeof modelSchema>;
