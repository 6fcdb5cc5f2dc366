// Hermes' format, which Qwen and many others use: <tool_call>{"name": …, "arguments": {…}}</tool_call>, any number of
// them, before or after text.
import { CallReader } from './call-reader.ts';
import type { AnswerPart, OfferedTools, ToolCallScanner } from './scanner.ts';
import { partialLength, TextBetweenCalls } from './text-between-calls.ts';

const OPEN = '<tool_call>';
const CLOSE = '</tool_call>';

export class HermesScanner implements ToolCallScanner {
  readonly #tools: OfferedTools;
  readonly #text = new TextBetweenCalls();
  /** Of the text behind an open tag; null outside of calls. */
  #call: CallReader | null = null;
  /** The end of the text so far, which may become a tag. */
  #held = '';

  constructor(tools: OfferedTools) {
    this.#tools = tools;
  }

  push(piece: string): AnswerPart[] {
    const parts: AnswerPart[] = [];
    let text = this.#held + piece;
    for (;;) {
      const tag = this.#call === null ? OPEN : CLOSE;
      const found = text.indexOf(tag);
      const end = found === -1 ? text.length - partialLength(text, tag) : found;
      parts.push(...(this.#call ?? this.#text).push(text.slice(0, end)));
      if (found === -1) {
        this.#held = text.slice(end);
        return parts;
      }
      text = text.slice(end + tag.length);
      if (this.#call === null) this.#call = new CallReader(this.#tools);
      else parts.push(...this.#close(this.#call, CLOSE));
    }
  }

  finish(): AnswerPart[] {
    const parts = (this.#call ?? this.#text).push(this.#held);
    this.#held = '';
    // The model's end of turn, a stop string or a limit may stand where the closing tag belongs.
    if (this.#call !== null) parts.push(...this.#close(this.#call, ''));
    return [...parts, ...this.#text.finish()];
  }

  #close(reader: CallReader, tag: string): AnswerPart[] {
    const call = reader.finish();
    this.#call = null;
    if (call === null) return this.#text.push(OPEN + reader.text + tag);
    this.#text.call();
    return call;
  }
}
