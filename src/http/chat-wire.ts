// Between OpenAI's words for chats and this project's: the request in, whole answers and chunks out.
import assert from 'node:assert/strict';
import type { ChatRequest } from '../generation/chat.ts';
import type { AnswerPiece, ToolCall } from '../generation/read-answers.ts';
import type { GeneratedToken, Usage } from '../generation/request.ts';
import { toUsage } from './completion-wire.ts';
import { askedFormat, toConstraint } from './constraint-wire.ts';
import { toConversation } from './conversation-wire.ts';
import { toEnding, toPolicy, toSampling } from './generation-fields.ts';
import type { Limits } from './limits.ts';
import type { ChatBody } from './schema/chat-request.ts';
import type { ChatChunk, ChatCompletion } from './schema/chat-response.ts';
import type { ToolChoice } from './schema/tool-fields.ts';
import { toTokenLogprobs } from './token-logprobs-wire.ts';
import { toToolUse } from './tools-wire.ts';

export type ChatHeader = Pick<ChatCompletion, 'id' | 'created' | 'model' | 'qsft'>;

export function toChatRequest(body: ChatBody, limits: Limits, caller: string | null): ChatRequest {
  const policy = toPolicy(body, limits, caller);
  const functions = (body.tools ?? []).map((tool) => tool.function);
  return {
    conversation: toConversation(body),
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
  end: Extract<AnswerPiece, { kind: 'end' }> | null;
}

/** Puts the pieces of each answer together. */
export function toChatCompletion(
  header: ChatHeader,
  pieces: readonly AnswerPiece[],
  reportsTokens: boolean,
  usage: Usage,
): ChatCompletion {
  const choices = [...collect(pieces)]
    .sort(([first], [second]) => first - second)
    .map(([index, { content, calls, tokens, end }]) => {
      assert(end !== null, 'the last piece of an answer says why it ended');
      return {
        index,
        message: {
          role: 'assistant' as const,
          content: content === '' && calls.length > 0 ? null : content,
          refusal: null,
          ...(calls.length === 0 ? {} : { tool_calls: calls.map(toWireCall) }),
        },
        logprobs: reportsTokens ? { content: toTokenLogprobs(tokens), refusal: null } : null,
        finish_reason: end.finishReason,
        stop_reason: end.stopReason,
      };
    });
  return { ...header, object: 'chat.completion', choices, usage: toUsage(usage) };
}

function collect(pieces: readonly AnswerPiece[]): Map<number, WholeAnswer> {
  const answers = new Map<number, WholeAnswer>();
  for (const piece of pieces) {
    const answer = answers.get(piece.index) ?? { content: '', calls: [], tokens: [], end: null };
    answers.set(piece.index, answer);
    add(piece, answer);
  }
  return answers;
}

function add(piece: AnswerPiece, answer: WholeAnswer): void {
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

function toWireCall({ id, name, arguments: text }: ToolCall) {
  return { id, type: 'function' as const, function: { name, arguments: text } };
}

type ChunkChoice = ChatChunk['choices'][number];

/** One answer's chunks: its role first, then its text and calls, then why it ended. */
export class ChatChunkWriter {
  readonly #reportsTokens: boolean;
  readonly #callCounts = new Map<number, number>();

  constructor(reportsTokens: boolean) {
    this.#reportsTokens = reportsTokens;
  }

  write(piece: AnswerPiece): ChunkChoice[] {
    const choices = this.#pieceChoices(piece);
    if (this.#callCounts.has(piece.index)) return choices;
    this.#callCounts.set(piece.index, 0);
    const role = { role: 'assistant', content: '', refusal: null } as const;
    return [this.#choice(piece.index, role), ...choices];
  }

  #pieceChoices(piece: AnswerPiece): ChunkChoice[] {
    const { index } = piece;
    if (piece.kind === 'text') {
      return [{ ...this.#choice(index, { content: piece.text }), ...this.#logprobs(piece.tokens) }];
    }
    if (piece.kind === 'call') {
      const position = this.#callCounts.get(index) ?? 0;
      this.#callCounts.set(index, position + 1);
      const call = toWireCall({ id: piece.id, name: piece.name, arguments: '' });
      return [this.#choice(index, { tool_calls: [{ index: position, ...call }] })];
    }
    if (piece.kind === 'arguments') {
      const position = (this.#callCounts.get(index) ?? 0) - 1;
      const call = { index: position, function: { arguments: piece.text } };
      return [this.#choice(index, { tool_calls: [call] })];
    }
    return [
      {
        ...this.#choice(index, {}),
        ...(piece.tokens.length === 0 ? {} : this.#logprobs(piece.tokens)),
        finish_reason: piece.finishReason,
        stop_reason: piece.stopReason,
      },
    ];
  }

  #choice(index: number, delta: ChunkChoice['delta']): ChunkChoice {
    return { index, delta, logprobs: null, finish_reason: null, stop_reason: null };
  }

  #logprobs(tokens: readonly GeneratedToken[]) {
    if (!this.#reportsTokens) return {};
    return { logprobs: { content: toTokenLogprobs(tokens), refusal: null } };
  }
}
