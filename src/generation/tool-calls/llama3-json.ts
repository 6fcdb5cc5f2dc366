// Llama 3's format: an answer that is nothing but {"name": …, "parameters": {…}}, or several with `;` between them,
// with or without <|python_tag|> before. An answer that begins with anything else is text from its beginning to its end.
import { CallReader } from './call-reader.ts';
import { ObjectEnd } from './object-end.ts';
import type { AnswerPart, OfferedTools, ToolCallScanner } from './scanner.ts';

export const LLAMA3_TAG = '<|python_tag|>';

export class Llama3JsonScanner implements ToolCallScanner {
  readonly #tools: OfferedTools;
  #isText = false;
  /** White space, separators and a tag since the last call: not given out, for all may turn out to be text. */
  #before = '';
  /** How much of the tag has been read, at the end of `#before`. */
  #tagLength = 0;
  /** Null outside of objects. */
  #object: { readonly call: CallReader; readonly end: ObjectEnd } | null = null;
  #hasCalls = false;

  constructor(tools: OfferedTools) {
    this.#tools = tools;
  }

  push(piece: string): AnswerPart[] {
    const parts: AnswerPart[] = [];
    let index = 0;
    while (index < piece.length && !this.#isText) {
      const character = piece.charAt(index);
      if (this.#object === null && character === '{' && !this.#isInTag()) {
        this.#object = { call: new CallReader(this.#tools), end: new ObjectEnd() };
      }
      if (this.#object === null) {
        index += 1;
        this.#before += character;
        if (!this.#separates(character)) this.#becomeText('', parts);
      } else {
        const { call, end } = this.#object;
        const start = index;
        index += end.push(piece.slice(start));
        parts.push(...call.push(piece.slice(start, index)));
        if (end.isFound) this.#endObject(call, parts);
      }
    }
    if (index < piece.length) parts.push({ kind: 'text', text: piece.slice(index) });
    return parts;
  }

  finish(): AnswerPart[] {
    const parts: AnswerPart[] = [];
    if (this.#object !== null) this.#endObject(this.#object.call, parts);
    // White space behind the last call is nothing; all else that is left did not become a call.
    else if (!this.#isText && !(this.#hasCalls && this.#before.trim() === '')) {
      this.#becomeText('', parts);
    }
    return parts;
  }

  #isInTag(): boolean {
    return this.#tagLength > 0 && this.#tagLength < LLAMA3_TAG.length;
  }

  /** Whether a call may still follow. */
  #separates(character: string): boolean {
    if (this.#isInTag() || (character === '<' && this.#tagLength === 0 && !this.#hasCalls)) {
      this.#tagLength += 1;
      return LLAMA3_TAG[this.#tagLength - 1] === character;
    }
    return /\s/.test(character) || (character === ';' && this.#hasCalls);
  }

  #endObject(reader: CallReader, parts: AnswerPart[]): void {
    const { text } = reader;
    const call = reader.finish();
    this.#object = null;
    if (call === null) {
      this.#becomeText(text, parts);
      return;
    }
    parts.push(...call);
    this.#hasCalls = true;
    this.#before = '';
  }

  #becomeText(object: string, parts: AnswerPart[]): void {
    this.#isText = true;
    const text = this.#before + object;
    if (text !== '') parts.push({ kind: 'text', text });
  }
}
