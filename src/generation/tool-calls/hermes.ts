// Hermes' format, which Qwen and many others use: <tool_call>{"name": …, "arguments": {…}}</tool_call>, any number of
// them, before or after text. White space beside a call is the format's own and no text.
import { CallReader } from './call-reader.ts';
import type { AnswerPart, ToolCallScanner } from './scanner.ts';

const OPEN = '<tool_call>';
const CLOSE = '</tool_call>';

export class HermesScanner implements ToolCallScanner {
  readonly #toolNames: ReadonlySet<string>;
  /** Of the text behind an open tag; null outside of calls. */
  #call: CallReader | null = null;
  /** The end of the text so far, which may become a tag. */
  #held = '';
  /** White space that is text only if text follows it. */
  #space = '';
  #hasCalls = false;
  /** Nothing but white space has come since the last call. */
  #isAfterCall = false;

  constructor(toolNames: ReadonlySet<string>) {
    this.#toolNames = toolNames;
  }

  push(piece: string): AnswerPart[] {
    const parts: AnswerPart[] = [];
    let text = this.#held + piece;
    for (;;) {
      const tag = this.#call === null ? OPEN : CLOSE;
      const found = text.indexOf(tag);
      const end = found === -1 ? text.length - partialLength(text, tag) : found;
      this.#take(text.slice(0, end), parts);
      if (found === -1) {
        this.#held = text.slice(end);
        return parts;
      }
      text = text.slice(end + tag.length);
      if (this.#call === null) this.#call = new CallReader(this.#toolNames);
      else this.#close(CLOSE, parts);
    }
  }

  finish(): AnswerPart[] {
    const parts: AnswerPart[] = [];
    this.#take(this.#held, parts);
    this.#held = '';
    // The model's end of turn, a stop string or a limit may stand where the closing tag belongs.
    this.#close('', parts);
    if (!this.#hasCalls && this.#space !== '') parts.push({ kind: 'text', text: this.#space });
    this.#space = '';
    return parts;
  }

  #take(text: string, parts: AnswerPart[]): void {
    if (this.#call !== null) {
      parts.push(...this.#call.push(text));
      return;
    }
    const content = text.trimEnd();
    if (content === '') {
      this.#space += text;
      return;
    }
    // After a call, the format's line break ends where the text begins.
    const before = this.#isAfterCall ? '' : this.#space;
    const kept = this.#isAfterCall ? content.trimStart() : content;
    parts.push({ kind: 'text', text: before + kept });
    this.#space = text.slice(content.length);
    this.#isAfterCall = false;
  }

  #close(tag: string, parts: AnswerPart[]): void {
    if (this.#call === null) return;
    const { text } = this.#call;
    const call = this.#call.finish();
    this.#call = null;
    if (call === null) {
      this.#take(OPEN + text + tag, parts);
      return;
    }
    parts.push(...call);
    this.#hasCalls = true;
    this.#isAfterCall = true;
    this.#space = '';
  }
}

/** How much of the text's end is a beginning of the tag. */
function partialLength(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length -= 1) {
    if (text.endsWith(tag.slice(0, length))) return length;
  }
  return 0;
}
