// From pieces of text to what a conversation's answer is made of: text, calls of tools with their arguments, and an end.
import { randomUUID } from 'node:crypto';
import type { ChoiceDelta, FinishReason, GeneratedToken, PromptView } from './request.ts';
import type { AnswerPart, ParsedCall, ToolCallScanner } from './tool-calls/scanner.ts';

export interface ToolCall extends ParsedCall {
  readonly id: string;
}

type PieceContent =
  | { readonly kind: 'text'; readonly text: string; readonly tokens: readonly GeneratedToken[] }
  | { readonly kind: 'call'; readonly id: string; readonly name: string }
  /** Of the call before it. */
  | { readonly kind: 'arguments'; readonly text: string }
  | {
      readonly kind: 'end';
      readonly finishReason: FinishReason | 'tool_calls';
      readonly stopReason: string | number | null;
      readonly tokens: readonly GeneratedToken[];
    };

/** Of each answer, `end` is the last and comes once. Tokens go out with the first piece after they were drawn that takes any. */
export type AnswerPiece = PieceContent & {
  readonly index: number;
  /** Tokens generated since the piece before. */
  readonly tokenIds: readonly number[];
  /** With an answer's first piece only. */
  readonly prompt: PromptView | null;
};

export interface ToolReading {
  readonly createScanner: () => ToolCallScanner;
  /** What follows an answer's first call is dropped. */
  readonly onlyOneCall: boolean;
}

/** `tools` null takes every text as it is; `echo` is the text that each answer begins with, as it is. */
export async function* readAnswers(
  deltas: AsyncIterable<ChoiceDelta>,
  tools: ToolReading | null,
  echo: string,
): AsyncGenerator<AnswerPiece> {
  const readers = new Map<number, AnswerReader>();
  for await (const delta of deltas) {
    let reader = readers.get(delta.index);
    if (reader === undefined) {
      reader = new AnswerReader(delta.index, tools, echo);
      readers.set(delta.index, reader);
    }
    yield* reader.accept(delta);
  }
}

class AnswerReader {
  readonly #index: number;
  readonly #scanner: ToolCallScanner | null;
  readonly #onlyOneCall: boolean;
  /** Goes out before all else. */
  #echo: string;
  #tokens: GeneratedToken[] = [];
  #tokenIds: number[] = [];
  #prompt: PromptView | null = null;
  #hasCalls = false;
  /** One call was all there might be. */
  #isOver = false;

  constructor(index: number, tools: ToolReading | null, echo: string) {
    this.#index = index;
    this.#echo = echo;
    this.#scanner = tools?.createScanner() ?? null;
    this.#onlyOneCall = tools?.onlyOneCall ?? false;
  }

  accept(delta: ChoiceDelta): AnswerPiece[] {
    this.#tokens.push(...delta.tokens);
    this.#tokenIds.push(...delta.tokenIds);
    this.#prompt ??= delta.prompt;
    return [...this.#begin(), ...this.#read(delta)].map((content) => {
      const prompt = this.#prompt;
      this.#prompt = null;
      return { ...content, index: this.#index, tokenIds: this.#tokenIds.splice(0), prompt };
    });
  }

  #begin(): PieceContent[] {
    const text = this.#echo;
    this.#echo = '';
    return text === '' ? [] : [{ kind: 'text', text, tokens: [] }];
  }

  #read({ text, finishReason, stopReason }: ChoiceDelta): PieceContent[] {
    const contents = this.#scan(text, finishReason !== null).flatMap((part) => this.#content(part));
    if (finishReason === null) return contents;
    const isCall = this.#hasCalls && finishReason === 'stop';
    const end: PieceContent = {
      kind: 'end',
      finishReason: isCall ? 'tool_calls' : finishReason,
      stopReason: isCall ? null : stopReason,
      tokens: this.#tokens.splice(0),
    };
    return [...contents, end];
  }

  #scan(text: string, isLast: boolean): AnswerPart[] {
    if (this.#scanner === null) return [{ kind: 'text', text }];
    const parts = this.#scanner.push(text);
    return isLast ? [...parts, ...this.#scanner.finish()] : parts;
  }

  #content(part: AnswerPart): PieceContent[] {
    this.#isOver ||= this.#onlyOneCall && this.#hasCalls && part.kind !== 'arguments';
    if (this.#isOver) return [];
    switch (part.kind) {
      case 'call': {
        this.#hasCalls = true;
        const id = `call_${randomUUID().replaceAll('-', '')}`;
        return [{ kind: 'call', id, name: part.name }];
      }
      case 'arguments':
        return [{ kind: 'arguments', text: part.text }];
      case 'text':
        if (part.text === '' && this.#tokens.length === 0) return [];
        return [{ kind: 'text', text: part.text, tokens: this.#tokens.splice(0) }];
      default:
        return part satisfies never;
    }
  }
}
