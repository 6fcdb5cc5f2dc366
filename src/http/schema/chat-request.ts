// The body of POST /v1/chat/completions. What frameworks send that changes nothing here is accepted; what this
// server has not is refused by name.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { seedField, stopField, streamFields } from './answer-fields.ts';
import { constraintFields, responseFormatField } from './constraint-fields.ts';
import {
  absentField,
  booleanField,
  integerField,
  MAX_INT32,
  modelField,
  unusedField,
} from './fields.ts';
import { messageList, messageSchema, templateVariablesField } from './message-fields.ts';
import { policyFields } from './policy-fields.ts';
import { samplingFields } from './sampling-fields.ts';
import {
  functionShape,
  parallelToolCallsField,
  toolChoiceField,
  toolNameField,
  toolsField,
} from './tool-fields.ts';

export type ChatBody = z.infer<ReturnType<typeof chatRequestSchema>>;

export function chatRequestSchema(limits: Limits) {
  return z
    .object({
      model: modelField(),
      messages: messageList(messageSchema(), limits).meta({
        description: "The conversation so far, which the policy's chat template makes a prompt.",
      }),
      max_completion_tokens: integerField(1, MAX_INT32).nullish().meta({
        description: 'Most tokens of an answer. Left out: as many as fit after the prompt.',
      }),
      max_tokens: integerField(1, MAX_INT32).nullish().meta({
        description: 'The older name of `max_completion_tokens`.',
        deprecated: true,
      }),
      n: integerField(1, limits.maxN).nullish().meta({ description: 'Answers.', default: 1 }),
      stop: stopField(limits),
      seed: seedField(),
      ...streamFields(),
      logprobs: booleanField().nullish().meta({
        description:
          'Report the log-probability of each token under the combined policy, before anything else acts on it.',
        default: false,
      }),
      top_logprobs: integerField(0, limits.maxLogprobs).nullish().meta({
        description: 'With `logprobs`: so many most probable alternatives to each token.',
        default: 0,
      }),
      tools: toolsField(
        z.object({
          type: z.literal('function', 'must be "function"'),
          function: z.object(functionShape(limits)),
        }),
        limits,
      ),
      tool_choice: toolChoiceField(
        z.object({ type: z.literal('function'), function: z.object({ name: toolNameField() }) }),
      ),
      parallel_tool_calls: parallelToolCallsField(),
      response_format: responseFormatField(limits),
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
      ...policyFields(limits),
      ...samplingFields(limits),
      ...constraintFields(limits),
      functions: absentField('use tools'),
      function_call: absentField('use tool_choice'),
      audio: absentField(),
      web_search_options: absentField(),
      chat_template: absentField("only the policy's own template is run"),
      documents: absentField(),
      modalities: z
        .array(z.literal('text', 'must be "text"'), 'must be a list')
        .nullish()
        .meta({ description: 'Only text.' }),
      ...unusedFields(),
    })
    .superRefine((body, context) => {
      const refuse = (path: string, message: string) =>
        context.addIssue({ code: 'custom', path: [path], message });
      const isReported = body.logprobs === true || body.qsft?.details === true;
      if (body.top_logprobs != null && body.top_logprobs > 0 && !isReported) {
        refuse('top_logprobs', 'needs logprobs to be true');
      }
      if (body.continue_final_message !== true) return;
      if (body.add_generation_prompt === true) {
        refuse('continue_final_message', 'and add_generation_prompt exclude each other');
      }
      if (body.messages.at(-1)?.role !== 'assistant') {
        refuse('continue_final_message', 'needs a last message of role assistant');
      }
    });
}

function unusedFields() {
  return {
    user: unusedField(),
    store: unusedField(),
    metadata: unusedField(),
    service_tier: unusedField(),
    reasoning_effort: unusedField(),
    verbosity: unusedField(),
    prediction: unusedField(),
    prompt_cache_key: unusedField(),
    prompt_cache_retention: unusedField(),
    safety_identifier: unusedField(),
  };
}
