// From OpenAI's messages and tools to a conversation as chat templates know it.
import type {
  Conversation,
  ConversationMessage,
  ConversationToolCall,
} from '../generation/conversation.ts';
import type { ToolCall } from '../generation/read-answers.ts';
import type { ChatBody } from './schema/chat-request.ts';
import { contentText, type MessageBody } from './schema/message-fields.ts';
import { toTools } from './tools-wire.ts';

type ConversationBody = Pick<ChatBody, 'messages'> &
  Partial<
    Pick<
      ChatBody,
      | 'tools'
      | 'tool_choice'
      | 'add_generation_prompt'
      | 'continue_final_message'
      | 'chat_template_kwargs'
    >
  >;

export function toConversation(body: ConversationBody): Conversation {
  const continuesFinalMessage = body.continue_final_message ?? false;
  const functions = (body.tools ?? []).map((tool) => tool.function);
  return {
    messages: body.messages.map((message) => toMessage(message)),
    tools: body.tool_choice === 'none' ? [] : toTools(functions),
    continuesFinalMessage,
    addsGenerationPrompt: body.add_generation_prompt ?? !continuesFinalMessage,
    variables: body.chat_template_kwargs ?? {},
  };
}

function toMessage(message: MessageBody): ConversationMessage {
  const calls = message.role === 'assistant' ? (message.tool_calls ?? []) : [];
  return {
    role: message.role,
    content: contentText(message.content ?? message.refusal),
    ...(message.name == null ? {} : { name: message.name }),
    ...(message.reasoning_content == null ? {} : { reasoning_content: message.reasoning_content }),
    ...(calls.length === 0
      ? {}
      : { tool_calls: calls.map((call) => toToolCall({ id: call.id, ...call.function })) }),
    ...(message.tool_call_id == null ? {} : { tool_call_id: message.tool_call_id }),
  };
}

/** Templates write arguments as JSON themselves, so they get the object; text that is no JSON stays what it is. */
export function toToolCall({ id, name, arguments: text }: ToolCall): ConversationToolCall {
  return { type: 'function', id, function: { name, arguments: parseArguments(text) } };
}

function parseArguments(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
