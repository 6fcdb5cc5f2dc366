// POST /v1/responses/input_tokens: of a response's request what makes its prompt, and that prompt's tokens.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { policyNameField } from './fields.ts';
import { responsesRequestSchema } from './responses-request.ts';

export function inputTokensRequestSchema(limits: Limits) {
  const { shape } = responsesRequestSchema(limits);
  return z.object({
    model: policyNameField(),
    input: shape.input.nullish(),
    instructions: shape.instructions,
    max_output_tokens: shape.max_output_tokens,
    tools: shape.tools,
    tool_choice: shape.tool_choice,
    parallel_tool_calls: shape.parallel_tool_calls,
    text: shape.text,
    truncation: shape.truncation,
    previous_response_id: shape.previous_response_id,
    conversation: shape.conversation,
    chat_template_kwargs: shape.chat_template_kwargs,
    timeout: shape.timeout,
    reasoning: shape.reasoning,
  });
}

export const inputTokensSchema = z.object({
  object: z.literal('response.input_tokens'),
  input_tokens: z.int(),
});

export type InputTokens = z.infer<typeof inputTokensSchema>;
