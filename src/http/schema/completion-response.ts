// What POST /v1/completions answers with: OpenAI's `text_completion` object, whole or as a chunk of a stream.
import { z } from 'zod';

export const modelsViewSchema = z
  .object({
    behavior_logprob: z.number().meta({ description: 'log π_φ: what the behavior model says.' }),
    value: z.number().meta({ description: 'p_θ: what the value model says.' }),
    ratio: z.number().meta({
      description:
        'The estimate of Q: p_θ/π_φ, at most 1, on tokens the behavior model supports; 0 elsewhere.',
    }),
  })
  .meta({ description: 'What the two models say of a token.' });

const tokenDetailsSchema = modelsViewSchema.extend({
  kl: z.number().meta({
    description:
      'KL divergence, in nats, of the combined policy of this step from the behavior model.',
  }),
  top: z.record(z.string(), modelsViewSchema).meta({ description: 'As `top_logprobs`.' }),
});

export const promptLogprobsSchema = z
  .record(
    z.string(),
    z.object({
      logprob: z.number(),
      rank: z.int().nullable().meta({
        description: 'From 1; null for a token that is not among the alternatives.',
      }),
      decoded_token: z.string(),
      qsft: modelsViewSchema.optional(),
    }),
  )
  .nullable();

const logprobsSchema = z
  .object({
    tokens: z.array(z.string()),
    token_logprobs: z.array(z.number().nullable()),
    top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
    text_offset: z.array(z.int()),
    qsft: z
      .array(tokenDetailsSchema.nullable())
      .optional()
      .meta({ description: 'With `qsft.details`.' }),
  })
  .meta({
    description:
      "Log-probabilities under the combined policy. A token that ended the answer comes last and is no part of the text. Offsets count characters (code points) of this answer's text; with `echo` the first token has none to report.",
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
  token_ids: z.array(z.int()).optional().meta({ description: 'With `return_token_ids`.' }),
  prompt_token_ids: z.array(z.int()).nullable().optional().meta({
    description: 'With `return_token_ids`; in a stream, with the first piece of an answer only.',
  }),
  prompt_logprobs: z.array(promptLogprobsSchema).optional().meta({
    description: 'With `prompt_logprobs`: for each token of the prompt, by token id.',
  }),
});

export const usageSchema = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.object({
    cached_tokens: z.int().meta({
      description: 'Prompt tokens that were still in the KV cache and did not have to run.',
    }),
  }),
});

export const policySchema = z
  .object({
    extraction: z.enum(['kl', 'entropy', 'greedy', 'behavior']),
    beta: z.union([z.number(), z.object({ start: z.number(), end: z.number() })]),
    q: z.enum(['probability', 'ratio']),
    choices: z
      .array(
        z.object({
          text: z.string(),
          logprob: z.number().meta({ description: "The sum over the text's tokens." }),
          probability: z.number().meta({
            description: 'Its share among them, before temperature and truncation.',
          }),
        }),
      )
      .optional()
      .meta({ description: 'What `structured_outputs.choice` was among, in its order.' }),
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
    description:
      'Only with `stream_options.include_usage`, and null in every chunk but the last unless `continuous_usage_stats`.',
  }),
  qsft: policySchema,
});

export type PolicyReport = z.infer<typeof policySchema>;
export type Completion = z.infer<typeof completionSchema>;
export type CompletionChunk = z.infer<typeof completionChunkSchema>;
export type CompletionLogprobs = z.infer<typeof logprobsSchema>;
export type CompletionUsage = z.infer<typeof usageSchema>;
export type PromptLogprobs = z.infer<typeof promptLogprobsSchema>;
export type TokenDetails = z.infer<typeof tokenDetailsSchema>;
