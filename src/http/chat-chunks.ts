// A chat's answers as the chunks of a stream.
import type { AnswerPiece } from '../generation/read-answers.ts';
import type { AnswerView } from './answer-view.ts';
import { toWireCall } from './chat-wire.ts';
import type { ChatChunk } from './schema/chat-response.ts';
import { toChatLogprobs } from './token-logprobs-wire.ts';

type ChunkChoice = ChatChunk['choices'][number];
type ChunkBody = Pick<ChatChunk, 'choices' | 'prompt_token_ids'>;

/** One answer's chunks: its role first, then its text and calls, then why it ended. */
export class ChatChunkWriter {
  readonly #view: AnswerView;
  readonly #callCounts = new Map<number, number>();

  constructor(view: AnswerView) {
    this.#view = view;
  }

  write(piece: AnswerPiece): ChunkBody[] {
    const opening = this.#callCounts.has(piece.index) ? [] : [this.#open(piece)];
    return [...opening, { choices: [this.#choice(piece)] }];
  }

  #open({ index, prompt, kind }: AnswerPiece): ChunkBody {
    this.#callCounts.set(index, 0);
    // As in whole answers: nothing but calls has no content.
    const content = kind === 'call' ? null : '';
    const choices = [choiceOf(index, { role: 'assistant', content, refusal: null })];
    if (!this.#view.tokenIds) return { choices };
    return { choices, prompt_token_ids: [...(prompt?.tokenIds ?? [])] };
  }

  #choice(piece: AnswerPiece): ChunkChoice {
    const { index, tokenIds } = piece;
    const delta = this.#delta(piece);
    return {
      ...choiceOf(index, delta),
      ...this.#logprobs(piece),
      ...(piece.kind === 'end'
        ? { finish_reason: piece.finishReason, stop_reason: piece.stopReason }
        : {}),
      ...(this.#view.tokenIds ? { token_ids: [...tokenIds] } : {}),
    };
  }

  #delta(piece: AnswerPiece): ChunkChoice['delta'] {
    const position = this.#callCounts.get(piece.index) ?? 0;
    switch (piece.kind) {
      case 'text':
        return { content: piece.text };
      case 'call': {
        this.#callCounts.set(piece.index, position + 1);
        const call = toWireCall({ id: piece.id, name: piece.name, arguments: '' });
        return { tool_calls: [{ index: position, ...call }] };
      }
      case 'arguments':
        return { tool_calls: [{ index: position - 1, function: { arguments: piece.text } }] };
      case 'end':
        return {};
      default:
        return piece satisfies never;
    }
  }

  #logprobs(piece: AnswerPiece): Partial<Pick<ChunkChoice, 'logprobs'>> {
    if (piece.kind !== 'text' && piece.kind !== 'end') return {};
    const isEmpty = piece.kind === 'end' && piece.tokens.length === 0;
    return isEmpty ? {} : { logprobs: toChatLogprobs(piece.tokens, this.#view) };
  }
}

function choiceOf(index: number, delta: ChunkChoice['delta']): ChunkChoice {
  return { index, delta, logprobs: null, finish_reason: null, stop_reason: null };
}
