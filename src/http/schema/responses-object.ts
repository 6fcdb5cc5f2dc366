// What POST /v1/responses answers with: OpenAI's `response` object.
import { z } from 'zod';
import { tokenLogprobSchema } from './chat-response.ts';
import { policySchema } from './completion-response.ts';

const status = z.enum(['in_progress', 'completed', 'incomplete']);

const outputTextSchema = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.unknown()),
  logprobs: z.array(tokenLogprobSchema),
});

const outputItemSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message'),
    id: z.string(),
    status,
    role: z.literal('assistant'),
    content: z.array(outputTextSchema),
  }),
  z.object({
    type: z.literal('function_call'),
    id: z.string(),
    status,
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
  }),
]);

export const responseSchema = z.object({
  id: z.string(),
  object: z.literal('response'),
  created_at: z.int().meta({ description: 'Seconds since the epoch.' }),
  status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']),
  background: z.literal(false),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  incomplete_details: z.object({ reason: z.literal('max_output_tokens') }).nullable(),
  instructions: z.string().nullable(),
  max_output_tokens: z.int().nullable(),
  metadata: z.record(z.string(), z.string()),
  model: z.string(),
  output: z.array(outputItemSchema),
  parallel_tool_calls: z.boolean(),
  previous_response_id: z.null(),
  reasoning: z.object({ effort: z.null(), summary: z.null() }),
  store: z.literal(false),
  temperature: z.number(),
  text: z.object({
    format: z.looseObject({ type: z.enum(['text', 'json_object', 'json_schema']) }),
  }),
  tool_choice: z.union([
    z.enum(['auto', 'none', 'required']),
    z.object({ type: z.literal('function'), name: z.string() }),
  ]),
  tools: z.array(z.record(z.string(), z.unknown())),
  top_logprobs: z.int(),
  top_p: z.number(),
  truncation: z.enum(['auto', 'disabled']),
  usage: z
    .object({
      input_tokens: z.int(),
      input_tokens_details: z.object({ cached_tokens: z.int() }),
      output_tokens: z.int(),
      output_tokens_details: z.object({ reasoning_tokens: z.int() }),
      total_tokens: z.int(),
    })
    .nullable(),
  qsft: policySchema,
});

/** What all events of a stream have; the rest goes by `type`, as OpenAI documents it. */
export const responseEventSchema = z
  .object({ type: z.string(), sequence_number: z.int() })
  .catchall(z.unknown());

export type ResponseObject = z.infer<typeof responseSchema>;
export type OutputItem = z.infer<typeof outputItemSchema>;
export type ResponseEvent = z.infer<typeof responseEventSchema>;
