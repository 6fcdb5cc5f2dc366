// What POST /v1/completions answers with: OpenAI's `text_completion` object, whole or as a chunk of a stream.
import { z } from 'zod';

const logprobsSchema = z
  .object({
    tokens: z.array(z.string()),
    token_logprobs: z.array(z.number().nullable()),
    top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
    text_offset: z.array(z.int()),
  })
  .meta({
    description:
      "Log-probabilities under the combined policy. Offsets count characters (code points) of this answer's text; with `echo` the first token has none to report.",
  });

const choiceSchema = z.object({
  text: z.string(),
  index: z.int().meta({ description: 'Prompt times `n`, plus the number of the answer.' }),
  logprobs: logprobsSchema.nullable(),
  finish_reason: z.enum(['stop', 'length']),
  stop_reason: z.union([z.string(), z.int().nonnegative()]).nullable().meta({
    description:
      'The stop string or the id of `stop_token_ids` that ended the answer; null where nothing of the request did.',
  }),
});

const usageSchema = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.object({
    cached_tokens: z.int().meta({
      description: 'Prompt tokens that were still in the KV cache and did not have to run.',
    }),
  }),
});

const policySchema = z
  .object({
    extraction: z.enum(['kl', 'entropy', 'greedy', 'behavior']),
    beta: z.union([z.number(), z.object({ start: z.number(), end: z.number() })]),
    q: z.enum(['probability', 'ratio']),
  })
  .meta({ description: 'The policy as it was used, with defaults filled in.' });

const header = {
  id: z.string(),
  object: z.literal('text_completion'),
  created: z.int().meta({ description: 'Seconds since the epoch.' }),
  model: z.string(),
};

export const completionSchema = z.object({
  ...header,
  choices: z.array(choiceSchema),
  usage: usageSchema,
  qsft: policySchema,
});

export const completionChunkSchema = z.object({
  ...header,
  choices: z.array(
    choiceSchema.extend({ finish_reason: choiceSchema.shape.finish_reason.nullable() }),
  ),
  usage: usageSchema.nullable().optional().meta({
    description: 'Only with `stream_options.include_usage`, and null in every chunk but the last.',
  }),
  qsft: policySchema,
});

export type Completion = z.infer<typeof completionSchema>;
export type CompletionChunk = z.infer<typeof completionChunkSchema>;
export type CompletionLogprobs = z.infer<typeof logprobsSchema>;
export type CompletionUsage = z.infer<typeof usageSchema>;
