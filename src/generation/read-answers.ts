// From pieces of text to what a conversation's answer is made of: text, calls of tools with their arguments, and an end.
import { randomUUID } from 'node:crypto';
import type { ChoiceDelta, FinishReason, GeneratedToken } from './request.ts';
import type { AnswerPart, ParsedCall, ToolCallScanner } from './tool-calls/scanner.ts';

export interface ToolCall extends ParsedCall {
  readonly id: string;
}

/** Of each answer, `end` is the last and comes once. Tokens go out with the first piece after they were drawn that takes any. */
export type AnswerPiece =
  | {
      readonly kind: 'text';
      readonly index: number;
      readonly text: string;
      readonly tokens: readonly GeneratedToken[];
    }
  | {
      readonly kind: 'call';
      readonly index: number;
      readonly id: string;
      readonly name: string;
    }
  /** Of the call before it. */
  | { readonly kind: 'arguments'; readonly index: number; readonly text: string }
  | {
      readonly kind: 'end';
      readonly index: number;
      readonly finishReason: FinishReason | 'tool_calls';
      readonly stopReason: string | number | null;
      readonly tokens: readonly GeneratedToken[];
    };

export interface ToolReading {
  readonly createScanner: () => ToolCallScanner;
  /** What follows an answer's first call is dropped. */
  readonly onlyOneCall: boolean;
}

/** `tools` null takes every text as it is. */
export async function* readAnswers(
  deltas: AsyncIterable<ChoiceDelta>,
  tools: ToolReading | null,
): AsyncGenerator<AnswerPiece> {
  const readers = new Map<number, AnswerReader>();
  for await (const delta of deltas) {
    let reader = readers.get(delta.index);
    if (reader === undefined) {
      reader = new AnswerReader(delta.index, tools);
      readers.set(delta.index, reader);
    }
    yield* reader.accept(delta);
  }
}

class AnswerReader {
  readonly #index: number;
  readonly #scanner: ToolCallScanner | null;
  readonly #onlyOneCall: boolean;
  #tokens: GeneratedToken[] = [];
  #hasCalls = false;
  /** One call was all there might be. */
  #isOver = false;

  constructor(index: number, tools: ToolReading | null) {
    this.#index = index;
    this.#scanner = tools?.createScanner() ?? null;
    this.#onlyOneCall = tools?.onlyOneCall ?? false;
  }

  accept({ text, tokens, finishReason, stopReason }: ChoiceDelta): AnswerPiece[] {
    this.#tokens.push(...tokens);
    const pieces = this.#scan(text, finishReason !== null).flatMap((part) => this.#piece(part));
    if (finishReason === null) return pieces;
    const isCall = this.#hasCalls && finishReason === 'stop';
    const end: AnswerPiece = {
      kind: 'end',
      index: this.#index,
      finishReason: isCall ? 'tool_calls' : finishReason,
      stopReason: isCall ? null : stopReason,
      tokens: this.#tokens.splice(0),
    };
    return [...pieces, end];
  }

  #scan(text: string, isLast: boolean): AnswerPart[] {
    if (this.#scanner === null) return [{ kind: 'text', text }];
    const parts = this.#scanner.push(text);
    return isLast ? [...parts, ...this.#scanner.finish()] : parts;
  }

  #piece(part: AnswerPart): AnswerPiece[] {
    const index = this.#index;
    this.#isOver ||= this.#onlyOneCall && this.#hasCalls && part.kind !== 'arguments';
    if (this.#isOver) return [];
    switch (part.kind) {
      case 'call': {
        this.#hasCalls = true;
        const id = `call_${randomUUID().replaceAll('-', '')}`;
        return [{ kind: 'call', index, id, name: part.name }];
      }
      case 'arguments':
        return [{ kind: 'arguments', index, text: part.text }];
      case 'text':
        if (part.text === '' && this.#tokens.length === 0) return [];
        return [{ kind: 'text', index, text: part.text, tokens: this.#tokens.splice(0) }];
      default:
        return part satisfies never;
    }
  }
}
