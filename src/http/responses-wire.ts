// From a Responses request, in OpenAI's words, to a conversation; and the response object before its answer.
import { randomUUID } from 'node:crypto';
import type { ChatRequest } from '../generation/chat.ts';
import type { ConversationMessage, ConversationToolCall } from '../generation/conversation.ts';
import type { Usage } from '../generation/request.ts';
import { type AskedFormat, toConstraint } from './constraint-wire.ts';
import { toToolCall } from './conversation-wire.ts';
import { toEnding, toPolicy, toSampling } from './generation-fields.ts';
import type { Limits } from './limits.ts';
import { contentText } from './schema/message-fields.ts';
import type { ResponseObject } from './schema/responses-object.ts';
import type { InputItem, ResponsesBody } from './schema/responses-request.ts';
import { toTools, toToolUse } from './tools-wire.ts';

export function toResponsesRequest(
  body: ResponsesBody,
  limits: Limits,
  caller: string | null,
): ChatRequest {
  const policy = toPolicy(body, limits, caller);
  const reportsTokens = wantsLogprobs(body) || policy.details;
  const functions = body.tools ?? [];
  return {
    conversation: {
      messages: [...toInstructions(body), ...toMessages(body.input)],
      tools: body.tool_choice === 'none' ? [] : toTools(functions),
      continuesFinalMessage: false,
      addsGenerationPrompt: true,
      variables: body.chat_template_kwargs ?? {},
    },
    dropsOldestTurns: body.truncation === 'auto',
    parallelToolCalls: body.parallel_tool_calls ?? true,
    ...toToolUse(body.tool_choice ?? 'auto', functions),
    addsSpecialTokens: false,
    truncatePromptTokens: null,
    promptLogprobs: null,
    echo: false,
    choicesPerPrompt: 1,
    maxTokens: body.max_output_tokens ?? null,
    defaultMaxTokens: Number.POSITIVE_INFINITY,
    topLogprobs: reportsTokens ? (body.top_logprobs ?? 0) : null,
    constraint: toConstraint(body, askedFormat(body), limits),
    ...policy,
    ...toSampling(body),
    ...toEnding(body),
  };
}

function askedFormat({ text }: ResponsesBody): AskedFormat | null {
  const format = text?.format;
  if (format == null) return null;
  const isSchema = format.type === 'json_schema';
  return {
    type: format.type,
    schema: isSchema ? format.schema : undefined,
    param: isSchema ? 'text.format.schema' : 'text.format',
  };
}

function wantsLogprobs({ include }: ResponsesBody): boolean {
  return include?.includes('message.output_text.logprobs') ?? false;
}

function toInstructions({ instructions }: ResponsesBody): ConversationMessage[] {
  return instructions == null ? [] : [{ role: 'system', content: instructions }];
}

function toMessages(input: ResponsesBody['input']): ConversationMessage[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }];
  const messages: ConversationMessage[] = [];
  for (const item of input) addItem(messages, item);
  return messages;
}

function addItem(messages: ConversationMessage[], item: InputItem): void {
  const { type = 'message', call_id: callId = '' } = item;
  if (type === 'message') {
    messages.push({ role: item.role ?? 'user', content: contentText(item.content) });
  } else if (type === 'function_call_output') {
    messages.push({ role: 'tool', content: contentText(item.output), tool_call_id: callId });
  } else if (type === 'function_call') {
    const { name = '', arguments: text = '' } = item;
    addCall(messages, toToolCall({ id: callId, name, arguments: text }));
  }
}

/** Calls are items of their own here, and part of the assistant's message to a template. */
function addCall(messages: ConversationMessage[], call: ConversationToolCall): void {
  const last = messages.at(-1);
  if (last?.role !== 'assistant') {
    messages.push({ role: 'assistant', content: '', tool_calls: [call] });
    return;
  }
  messages[messages.length - 1] = { ...last, tool_calls: [...(last.tool_calls ?? []), call] };
}

/** The response as it begins: no output, no usage. */
export function toResponse(body: ResponsesBody, policy: ResponseObject['qsft']): ResponseObject {
  return {
    id: newId('resp'),
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: body.model,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: body.temperature ?? 1,
    text: { format: body.text?.format ?? { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
    usage: null,
    qsft: policy,
  };
}

export function newId(prefix: 'resp' | 'msg' | 'fc'): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}

export function toResponseUsage({ promptTokens, cachedTokens, completionTokens }: Usage) {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + completionTokens,
  };
}
