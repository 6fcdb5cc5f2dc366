// Fields that are a conversation, as a chat template takes it.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { absentField, booleanField } from './fields.ts';
import { messageList, messageSchema, templateVariablesField } from './message-fields.ts';
import { functionShape, toolsField } from './tool-fields.ts';

export function conversationFields(limits: Limits) {
  return {
    messages: messageList(messageSchema(), limits).meta({
      description: "The conversation so far, which the policy's chat template makes a prompt.",
    }),
    tools: toolsField(
      z.object({
        type: z.literal('function', 'must be "function"'),
        function: z.object(functionShape(limits)),
      }),
      limits,
    ),
    add_generation_prompt: booleanField().nullish().meta({
      description: "Let the template begin the assistant's answer.",
      default: true,
    }),
    continue_final_message: booleanField().nullish().meta({
      description:
        'Go on with the last message, which must be of the assistant, instead of answering it.',
      default: false,
    }),
    chat_template_kwargs: templateVariablesField(limits),
    chat_template: absentField("only the policy's own template is run"),
    documents: absentField(),
  };
}

type Rules = z.infer<
  z.ZodObject<
    Pick<ReturnType<typeof conversationFields>, 'add_generation_prompt' | 'continue_final_message'>
  >
>;

export function findConversationProblem({
  messages,
  add_generation_prompt,
  continue_final_message,
}: Rules & { readonly messages: readonly { readonly role: string }[] }):
  | readonly [field: string, message: string]
  | null {
  if (continue_final_message !== true) return null;
  if (add_generation_prompt === true) {
    return ['continue_final_message', 'and add_generation_prompt exclude each other'];
  }
  if (messages.at(-1)?.role === 'assistant') return null;
  return ['continue_final_message', 'needs a last message of role assistant'];
}
