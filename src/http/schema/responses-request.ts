// The body of POST /v1/responses. Nothing is stored between requests: whatever would need that is refused by name.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { seedField, stopField } from './answer-fields.ts';
import { listField, mapField, textOrListField } from './collections.ts';
import { constraintFields, textFormatField } from './constraint-fields.ts';
import {
  absentField,
  booleanField,
  choiceField,
  integerField,
  MAX_INT32,
  modelField,
  textField,
  unusedField,
} from './fields.ts';
import {
  contentField,
  messageList,
  messageText,
  templateVariablesField,
} from './message-fields.ts';
import { policyFields } from './policy-fields.ts';
import { samplingFields } from './sampling-fields.ts';
import {
  functionShape,
  parallelToolCallsField,
  toolChoiceField,
  toolNameField,
  toolsField,
} from './tool-fields.ts';

const STATELESS = 'nothing is stored: send the whole conversation as input';

export type ResponsesBody = z.infer<ReturnType<typeof responsesRequestSchema>>;
export type InputItem = z.infer<ReturnType<typeof inputItemSchema>>;

export function responsesRequestSchema(limits: Limits) {
  return z.object({
    model: modelField(),
    input: textOrListField(
      messageText(),
      messageList(inputItemSchema(), limits),
      `must be a string or a list of 1 to ${limits.maxMessages} items`,
    ).meta({ description: 'What the user says, or the conversation so far.' }),
    instructions: messageText()
      .nullish()
      .meta({ description: 'A system message before the input.' }),
    max_output_tokens: integerField(1, MAX_INT32).nullish().meta({
      description: 'Most tokens of the answer. Left out: as many as fit after the prompt.',
    }),
    stop: stopField(limits),
    seed: seedField(),
    stream: booleanField().nullish().meta({
      description: 'Send events while the answer is made.',
      default: false,
    }),
    top_logprobs: integerField(0, limits.maxLogprobs).nullish().meta({
      description:
        'With `message.output_text.logprobs` in `include`: so many most probable alternatives to each token.',
    }),
    include: listField(textField(), { kind: 'must be a list of strings' }).nullish().meta({
      description: 'Of what it may name, message.output_text.logprobs is known.',
    }),
    tools: toolsField(
      z.object({
        type: z.literal('function', 'must be "function": this server has no tools of its own'),
        ...functionShape(limits),
      }),
      limits,
    ),
    tool_choice: toolChoiceField(z.object({ type: z.literal('function'), name: toolNameField() })),
    parallel_tool_calls: parallelToolCallsField(),
    text: z
      .object(
        {
          format: textFormatField(limits),
          verbosity: unusedField(),
        },
        'must be an object',
      )
      .nullish(),
    metadata: mapField(z.string().max(64), z.string().max(512), {
      max: 16,
      kind: 'must be an object of strings',
    })
      .nullish()
      .meta({ description: 'Comes back with the answer.' }),
    truncation: choiceField(['auto', 'disabled']).nullish().meta({
      description:
        'auto: of a conversation that does not fit, the oldest turns are left out until the rest does, with `max_output_tokens` where that is given. What the system says before the first of them, and the last turn, stay.',
      default: 'disabled',
    }),
    background: z
      .literal(false, `must be false: ${STATELESS}`)
      .nullish()
      .meta({ description: 'Only false.' }),
    previous_response_id: absentField(STATELESS),
    conversation: absentField(STATELESS),
    prompt: absentField('nothing is stored'),
    chat_template_kwargs: templateVariablesField(limits),
    ...policyFields(limits),
    ...samplingFields(limits),
    ...constraintFields(limits),
    store: unusedField().meta({ description: 'Accepted; nothing is ever stored.' }),
    stream_options: unusedField(),
    user: unusedField(),
    service_tier: unusedField(),
    reasoning: unusedField(),
    max_tool_calls: unusedField(),
    prompt_cache_key: unusedField(),
    prompt_cache_retention: unusedField(),
    safety_identifier: unusedField(),
  });
}

const ROLES = ['system', 'developer', 'user', 'assistant'];

/** The kinds of items, and what each must have. */
const REQUIRED: ReadonlyMap<string, readonly string[]> = new Map([
  ['message', ['role', 'content']],
  ['function_call', ['name', 'arguments', 'call_id']],
  ['function_call_output', ['call_id', 'output']],
  ['reasoning', []],
]);

/** A message, a call, what a call gave, or reasoning, which is not read. */
function inputItemSchema() {
  return z
    .object(
      {
        type: textField().optional(),
        role: textField().optional(),
        content: contentField(['input_text', 'output_text', 'text', 'refusal']).nullish(),
        call_id: textField().optional(),
        name: textField().optional(),
        arguments: messageText().optional(),
        output: contentField(['input_text', 'output_text', 'text']).optional(),
      },
      'must be an object',
    )
    .superRefine((item, context) => {
      const refuse = (path: string, message: string) =>
        context.addIssue({ code: 'custom', path: [path], message });
      const { type = 'message', role } = item;
      const required = REQUIRED.get(type);
      if (required === undefined) {
        refuse('type', `must be one of ${[...REQUIRED.keys()].join(', ')}`);
        return;
      }
      const given = new Map(Object.entries(item));
      for (const field of required) {
        if (given.get(field) == null)
          refuse(field, `must not be missing in an item of type ${type}`);
      }
      if (type === 'message' && role !== undefined && !ROLES.includes(role)) {
        refuse('role', `must be one of ${ROLES.join(', ')}`);
      }
    });
}
