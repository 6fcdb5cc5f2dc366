// What POST /v1/chat/completions answers with: OpenAI's `chat.completion`, whole or as chunks of a stream.
import { z } from 'zod';
import {
  modelsViewSchema,
  policySchema,
  promptLogprobsSchema,
  usageSchema,
} from './completion-response.ts';

const scoredTokenSchema = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.int()).nullable().meta({
    description: 'The token as UTF-8; null where it is part of a character.',
  }),
});

export const tokenLogprobSchema = scoredTokenSchema.extend({
  qsft: modelsViewSchema
    .extend({ kl: z.number() })
    .optional()
    .meta({ description: 'With `qsft.details`; `kl` is of the step, in nats.' }),
  top_logprobs: z.array(scoredTokenSchema.extend({ qsft: modelsViewSchema.optional() })),
});

const logprobsSchema = z.object({ content: z.array(tokenLogprobSchema), refusal: z.null() });

const functionCall = { name: z.string(), arguments: z.string() };

const messageSchema = z.object({
  role: z.literal('assistant'),
  content: z.string().nullable(),
  refusal: z.null(),
  tool_calls: z
    .array(
      z.object({
        id: z.string(),
        type: z.literal('function'),
        function: z.object(functionCall),
      }),
    )
    .optional(),
});

const deltaSchema = z.object({
  role: z.literal('assistant').optional(),
  content: z.string().nullable().optional(),
  refusal: z.null().optional(),
  tool_calls: z
    .array(
      z.object({
        index: z.int(),
        id: z.string().optional(),
        type: z.literal('function').optional(),
        function: z.object(functionCall).partial(),
      }),
    )
    .optional(),
});

const finishReason = z.enum(['stop', 'length', 'tool_calls']);
const stopReason = z.union([z.string(), z.int().nonnegative()]).nullable();

const tokenIds = z.array(z.int()).optional().meta({ description: 'With `return_token_ids`.' });

const header = {
  id: z.string(),
  created: z.int().meta({ description: 'Seconds since the epoch.' }),
  model: z.string(),
};

export const chatCompletionSchema = z.object({
  ...header,
  object: z.literal('chat.completion'),
  choices: z.array(
    z.object({
      index: z.int(),
      message: messageSchema,
      logprobs: logprobsSchema.nullable(),
      finish_reason: finishReason,
      stop_reason: stopReason,
      token_ids: tokenIds,
    }),
  ),
  prompt_token_ids: tokenIds,
  prompt_logprobs: z.array(promptLogprobsSchema).optional().meta({
    description: 'With `prompt_logprobs`: for each token of the prompt, by token id.',
  }),
  usage: usageSchema,
  qsft: policySchema,
});

export const chatChunkSchema = z.object({
  ...header,
  object: z.literal('chat.completion.chunk'),
  choices: z.array(
    z.object({
      index: z.int(),
      delta: deltaSchema,
      logprobs: logprobsSchema.nullable(),
      finish_reason: finishReason.nullable(),
      stop_reason: stopReason,
      token_ids: tokenIds,
    }),
  ),
  prompt_token_ids: z.array(z.int()).optional().meta({
    description: 'With `return_token_ids`, in the first chunk of an answer.',
  }),
  usage: usageSchema.nullable().optional().meta({
    description: 'Only with `stream_options.include_usage`, and null in every chunk but the last.',
  }),
  qsft: policySchema,
});

export type ChatCompletion = z.infer<typeof chatCompletionSchema>;
export type ChatChunk = z.infer<typeof chatChunkSchema>;
export type ChatLogprobs = z.infer<typeof logprobsSchema>;
export type TokenLogprob = z.infer<typeof tokenLogprobSchema>;
