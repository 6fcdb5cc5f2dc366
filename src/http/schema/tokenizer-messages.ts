// POST /tokenize, POST /detokenize and GET /tokenizer_info, in vLLM's shapes.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { conversationFields, findConversationProblem } from './conversation-fields.ts';
import { booleanField, policyNameField, wellFormed } from './fields.ts';
import { tokenIdsField } from './token-ids.ts';

const model = policyNameField();

export function tokenizeRequestSchema(limits: Limits) {
  const { maxPromptChars } = limits;
  const rule = `must be a string of at most ${maxPromptChars} characters`;
  const { messages, ...others } = conversationFields(limits);
  return z
    .object({
      model,
      prompt: wellFormed(z.string(rule).max(maxPromptChars, rule)).nullish(),
      messages: messages.nullish().meta({
        description: 'Instead of a prompt: a conversation, which the chat template makes one.',
      }),
      ...others,
      add_special_tokens: booleanField().nullish().meta({
        description:
          'Put around a prompt what the tokenizer puts around texts: a beginning of sequence, above all. Left out: as in completions, and not for a conversation, which its template begins.',
      }),
      return_token_strs: booleanField().nullish().meta({
        description: 'Also report each token as text.',
        default: false,
      }),
    })
    .superRefine(({ prompt, messages: given, ...rules }, context) => {
      const refuse = (field: string, message: string) =>
        context.addIssue({ code: 'custom', path: [field], message });
      if (prompt == null && given == null) refuse('prompt', 'must be a string, or messages given');
      if (prompt != null && given != null) refuse('messages', 'cannot be used with prompt');
      const problem = given == null ? null : findConversationProblem({ messages: given, ...rules });
      if (problem !== null) refuse(...problem);
    });
}

export function detokenizeRequestSchema({ maxPromptChars }: Limits) {
  return z.object({
    model,
    tokens: tokenIdsField({
      max: maxPromptChars,
      length: `must have at most ${maxPromptChars} token ids`,
      kind: 'must be a list of token ids',
    }),
  });
}

export const tokenizeResponseSchema = z.object({
  count: z.int(),
  max_model_len: z.int().meta({ description: 'Prompt and answer together, in tokens.' }),
  tokens: z.array(z.int()),
  token_strs: z.array(z.string()).nullable(),
});

export const detokenizeResponseSchema = z.object({
  prompt: z.string().meta({ description: 'Special tokens by their names.' }),
});

export type TokenizeResponse = z.infer<typeof tokenizeResponseSchema>;
export type DetokenizeResponse = z.infer<typeof detokenizeResponseSchema>;
