// The body of POST /v1/chat/completions. What frameworks send that changes nothing here is accepted; what this
// server has not is refused by name.
import { z } from 'zod';
import type { Limits } from '../limits.ts';
import { seedField, stopField, streamFields } from './answer-fields.ts';
import { listField } from './collections.ts';
import { constraintFields, responseFormatField } from './constraint-fields.ts';
import { conversationFields, findConversationProblem } from './conversation-fields.ts';
import {
  absentField,
  absentListField,
  booleanField,
  integerField,
  MAX_INT32,
  modelField,
  unusedField,
} from './fields.ts';
import { policyFields } from './policy-fields.ts';
import { samplingFields } from './sampling-fields.ts';
import { tokenFields } from './token-fields.ts';
import { parallelToolCallsField, toolChoiceField, toolNameField } from './tool-fields.ts';

export type ChatBody = z.infer<ReturnType<typeof chatRequestSchema>>;

export function chatRequestSchema(limits: Limits) {
  return z
    .object({
      model: modelField(),
      ...conversationFields(limits),
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
      tool_choice: toolChoiceField(
        z.object({ type: z.literal('function'), function: z.object({ name: toolNameField() }) }),
      ),
      parallel_tool_calls: parallelToolCallsField(),
      response_format: responseFormatField(limits),
      ...policyFields(limits),
      echo: booleanField().nullish().meta({
        description: 'Begin each answer with the last message, where that is of the assistant.',
        default: false,
      }),
      add_special_tokens: booleanField().nullish().meta({
        description:
          'Put around what the chat template writes what the tokenizer puts around texts: a beginning of sequence, above all. Most templates write it themselves.',
        default: false,
      }),
      ...tokenFields(limits),
      ...samplingFields(limits),
      ...constraintFields(limits),
      functions: absentListField('use tools'),
      function_call: absentField('use tool_choice'),
      audio: absentField(),
      web_search_options: absentField(),
      modalities: listField(z.literal('text', 'must be "text"'), { kind: 'must be a list' })
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
      if (body.prompt_logprobs != null && body.stream === true) {
        refuse('prompt_logprobs', 'cannot be used with stream');
      }
      const problem = findConversationProblem(body);
      if (problem !== null) refuse(...problem);
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
