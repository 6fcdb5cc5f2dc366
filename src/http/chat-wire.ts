// Between OpenAI's words for chats and this project's: the request in, whole answers out; `chat-chunks.ts` has the streams.
import assert from 'node:assert/strict';
import type { ChatRequest } from '../generation/chat.ts';
import type { AnswerPiece, ToolCall } from '../generation/read-answers.ts';
import type { GeneratedToken, PromptView, Usage } from '../generation/request.ts';
import type { AnswerView } from './answer-view.ts';
import { toUsage } from './completion-wire.ts';
import { askedFormat, toConstraint } from './constraint-wire.ts';
import { toConversation } from './conversation-wire.ts';
import { toEnding, toPolicy, toSampling } from './generation-fields.ts';
import type { Limits } from './limits.ts';
import { toPromptLogprobs } from './logprobs-wire.ts';
import type { ChatBody } from './schema/chat-request.ts';
import type { ChatCompletion } from './schema/chat-response.ts';
import type { ToolChoice } from './schema/tool-fields.ts';
import { toChatLogprobs } from './token-logprobs-wire.ts';
import { toToolUse } from './tools-wire.ts';

export type ChatHeader = Pick<ChatCompletion, 'id' | 'created' | 'model' | 'qsft'>;

export function toChatRequest(body: ChatBody, limits: Limits, caller: string | null): ChatRequest {
  const policy = toPolicy(body, limits, caller);
  const functions = (body.tools ?? []).map((tool) => tool.function);
  return {
    conversation: toConversation(body),
    addsSpecialTokens: body.add_special_tokens ?? false,
    truncatePromptTokens: body.truncate_prompt_tokens ?? null,
    promptLogprobs: body.prompt_logprobs ?? null,
    echo: body.echo ?? false,
    dropsOldestTurns: false,
    parallelToolCalls: body.parallel_tool_calls ?? true,
    ...toToolUse(toolChoice(body.tool_choice), functions),
    choicesPerPrompt: body.n ?? 1,
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? null,
    defaultMaxTokens: Number.POSITIVE_INFINITY,
    topLogprobs: body.logprobs === true || policy.details ? (body.top_logprobs ?? 0) : null,
    constraint: toConstraint(body, askedFormat(body), limits),
    ...policy,
    ...toSampling(body),
    ...toEnding(body),
  };
}

function toolChoice(choice: ChatBody['tool_choice']): ToolChoice {
  return typeof choice === 'object' && choice !== null ? choice.function : (choice ?? 'auto');
}

interface WholeAnswer {
  content: string;
  readonly calls: { -readonly [Field in keyof ToolCall]: ToolCall[Field] }[];
  readonly tokens: GeneratedToken[];
  readonly tokenIds: number[];
  end: Extract<AnswerPiece, { kind: 'end' }> | null;
}

/** Puts the pieces of each answer together. */
export function toChatCompletion(
  header: ChatHeader,
  pieces: readonly AnswerPiece[],
  view: AnswerView,
  usage: Usage,
): ChatCompletion {
  const choices = [...collect(pieces)]
    .sort(([first], [second]) => first - second)
    .map(([index, { content, calls, tokens, tokenIds, end }]) => {
      assert(end !== null, 'the last piece of an answer says why it ended');
      return {
        index,
        message: {
          role: 'assistant' as const,
          content: content === '' && calls.length > 0 ? null : content,
          refusal: null,
          ...(calls.length === 0 ? {} : { tool_calls: calls.map(toWireCall) }),
        },
        logprobs: toChatLogprobs(tokens, view),
        finish_reason: end.finishReason,
        stop_reason: end.stopReason,
        ...(view.tokenIds ? { token_ids: tokenIds } : {}),
      };
    });
  const prompt = pieces.find(({ index }) => index === 0)?.prompt ?? null;
  return {
    ...header,
    object: 'chat.completion',
    choices,
    ...toPrompt(prompt, view),
    usage: toUsage(usage),
  };
}

function toPrompt(
  prompt: PromptView | null,
  { tokenIds, promptLogprobs }: AnswerView,
): Pick<ChatCompletion, 'prompt_token_ids' | 'prompt_logprobs'> {
  return {
    ...(tokenIds ? { prompt_token_ids: [...(prompt?.tokenIds ?? [])] } : {}),
    ...(promptLogprobs ? { prompt_logprobs: (prompt?.tokens ?? []).map(toPromptLogprobs) } : {}),
  };
}

function collect(pieces: readonly AnswerPiece[]): Map<number, WholeAnswer> {
  const answers = new Map<number, WholeAnswer>();
  for (const piece of pieces) {
    const answer = answers.get(piece.index) ?? newAnswer();
    answers.set(piece.index, answer);
    add(piece, answer);
  }
  return answers;
}

function newAnswer(): WholeAnswer {
  return { content: '', calls: [], tokens: [], tokenIds: [], end: null };
}

function add(piece: AnswerPiece, answer: WholeAnswer): void {
  answer.tokenIds.push(...piece.tokenIds);
  const call = answer.calls.at(-1);
  switch (piece.kind) {
    case 'call':
      answer.calls.push({ id: piece.id, name: piece.name, arguments: '' });
      break;
    case 'arguments':
      if (call !== undefined) call.arguments += piece.text;
      break;
    case 'text':
      answer.content += piece.text;
      answer.tokens.push(...piece.tokens);
      break;
    case 'end':
      answer.tokens.push(...piece.tokens);
      answer.end = piece;
      break;
    default:
      piece satisfies never;
  }
}

export function toWireCall({ id, name, arguments: text }: ToolCall) {
  return { id, type: 'function' as const, function: { name, arguments: text } };
}
