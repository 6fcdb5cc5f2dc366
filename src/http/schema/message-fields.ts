// The messages of a conversation: content as a string or as parts, of which only text is taken.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { listField, mapField, textOrListField } from './collections.ts';
import { booleanField, choiceField, textField, wellFormed } from './fields.ts';

export type ContentValue = z.infer<ReturnType<typeof contentField>>;
export type MessageBody = z.infer<ReturnType<typeof messageSchema>>;

/** `textTypes` are the names that parts with text go by. */
export function contentField(textTypes: readonly string[]) {
  const part = z
    .object(
      {
        type: textField(),
        // The Agents SDK sends a null beside the other.
        text: messageText().nullish(),
        refusal: messageText().nullish(),
      },
      'must be an object',
    )
    .superRefine(({ type, text, refusal }, context) => {
      if (!textTypes.includes(type)) {
        const message = `must be ${textTypes.join(' or ')}: only text is taken`;
        context.addIssue({ code: 'custom', path: ['type'], message });
      } else if (text == null && refusal == null) {
        context.addIssue({ code: 'custom', path: ['text'], message: 'must be a string' });
      }
    });
  const kind = 'must be a string or a list of parts';
  return textOrListField(messageText(), listField(part, { kind }), kind);
}

/** The parts' texts, a line each. */
export function contentText(content: ContentValue | null | undefined): string {
  if (content == null || typeof content === 'string') return content ?? '';
  return content.map(({ text, refusal }) => text ?? refusal ?? '').join('\n');
}

export function messageText() {
  return wellFormed(textField());
}

export function messageList<T extends z.ZodType>(item: T, { maxMessages }: Limits) {
  const kind = `must be a list of 1 to ${maxMessages} entries`;
  return listField(item, { min: 1, max: maxMessages, kind });
}

export function messageSchema() {
  return z
    .object(
      {
        role: choiceField(['system', 'developer', 'user', 'assistant', 'tool']),
        content: contentField(['text', 'refusal']).nullish(),
        name: textField().nullish(),
        reasoning_content: messageText().nullish(),
        refusal: messageText().nullish(),
        tool_calls: listField(
          z.object({
            id: textField(),
            type: z.literal('function', 'must be "function"'),
            function: z.object({ name: textField(), arguments: messageText() }),
          }),
          { kind: 'must be a list of calls' },
        ).nullish(),
        tool_call_id: textField().nullish(),
        function_call: z.null('is not supported; use tool_calls').optional(),
        audio: z.null('is not supported; leave it out').optional(),
      },
      'must be an object',
    )
    .superRefine(({ role, content, tool_call_id }, context) => {
      if (content == null && role !== 'assistant') {
        context.addIssue({
          code: 'custom',
          path: ['content'],
          message: `must be a string or a list of parts in a message of role ${role}`,
        });
      }
      if (role === 'tool' && tool_call_id == null) {
        context.addIssue({
          code: 'custom',
          path: ['tool_call_id'],
          message: 'must name the call in a message of role tool',
        });
      }
    });
}

const RESERVED_VARIABLES: ReadonlySet<string> = new Set([
  ...['messages', 'tools', 'documents', 'add_generation_prompt', 'loop', 'range'],
  ...['bos_token', 'eos_token', 'unk_token', 'pad_token', 'raise_exception', 'strftime_now'],
  ...['true', 'True', 'false', 'False', 'none', 'None', 'chat_template', 'tokenize'],
]);

/** Values for a template's own switches, such as `enable_thinking`; nothing it could run or loop over. */
export function templateVariablesField({ maxTemplateVariables }: Limits) {
  const value = z.union(
    [z.string().max(256), z.number(), booleanField()],
    'must be true, false, a number or a string of at most 256 characters',
  );
  return mapField(z.string(), value, { max: maxTemplateVariables, kind: 'must be an object' })
    .superRefine((variables, context) => {
      const names = Object.keys(variables);
      const wrong = names.find(
        (name) => !/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name) || RESERVED_VARIABLES.has(name),
      );
      if (wrong !== undefined) {
        const shown = JSON.stringify(wrong.slice(0, 64));
        context.addIssue({ code: 'custom', message: `must not set ${shown}` });
      }
    })
    .nullish()
    .meta({ description: 'Variables for the chat template, such as `enable_thinking`.' });
}
